"""What a ranker trained on simulated viewers brings: agreement with the simulator's truth before and after, over several seeds.

Each seed is a library and an audience of its own, and runs through the whole system: Kafka, worker, `highlights retrain`,
ClickHouse.
"""

from collections import defaultdict
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from scoring.evaluation.comparison import estimate, paired_difference
from streams.cli.demo import learn, system, watch
from streams.cli.truth import Agreement
from streams.replay.simulate import SimulateSource
from streams.settings import Settings

_START_MS = 1_790_000_000_000


def main(
    seeds: Annotated[int, typer.Option(min=2, help="How many libraries.")] = 5,
    events: Annotated[int, typer.Option(min=1_000, help="About how many interactions.")] = 400_000,
    videos: Annotated[int, typer.Option(min=1, help="Size of a library.")] = 300,
) -> None:
    """Print the mean over seeds and the paired differences."""
    found: defaultdict[str, list[Agreement]] = defaultdict(list)
    for seed in range(1, seeds + 1):
        with system(Settings()) as (settings, client):
            source = SimulateSource(seed=seed, events=events, videos=videos, start_ms=_START_MS)
            watch(settings, source)
            for row in learn(settings, client, source):
                found[row.clips].append(row)
    Console(width=140).print(_table(found, seeds))


def _table(found: dict[str, list[Agreement]], seeds: int) -> Table:
    table = Table(title=f"Spearman's rho with the simulator's truth, {seeds} seeds, 95 % intervals over seeds")
    for name in ("clips", "number", "before", "after", "paired difference, seeds won"):
        table.add_column(name)
    for name, rows in found.items():
        before, after = (np.array([getattr(row, side) for row in rows]) for side in ("before", "after"))
        number = f"{np.mean([row.number for row in rows]):,.0f}"
        table.add_row(name, number, str(estimate(before)), str(estimate(after)), str(paired_difference(after, before)))
    return table


if __name__ == "__main__":
    typer.run(main)
