"""A picture of the side-by-side figures: bars of medians, lines from the lowest round to the highest, on a logarithmic axis."""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt


def main(source: Path) -> None:
    """Draw side_by_side.json beside itself as SVG."""
    measured = [row for row in json.loads(source.read_text())["systems"] if "interactions_per_s" in row]
    systems = sorted(measured, key=lambda row: row["interactions_per_s"]["median"])
    figures = [row["interactions_per_s"] for row in systems]
    medians = [figure["median"] for figure in figures]
    below = [figure["median"] - figure["low"] for figure in figures]
    above = [figure["high"] - figure["median"] for figure in figures]
    plt.rcParams["svg.hashsalt"] = "side by side"
    drawing, axes = plt.subplots(figsize=(8, 0.6 * len(systems) + 1), layout="constrained")
    colours = ["#c2410c" if row["name"] == "highlights" else "#94a3b8" for row in systems]
    bars = axes.barh([row["title"] for row in systems], medians, xerr=[below, above], color=colours, log=True)
    axes.bar_label(bars, [f"{median:,.0f}" for median in medians], padding=6)
    axes.set_xlabel("interactions a second on one core")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.2)
    drawing.savefig(source.with_suffix(".svg"), metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
