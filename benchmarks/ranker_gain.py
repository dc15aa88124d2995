"""What a ranker trained on simulated viewers brings: agreement with the simulator's truth before and after, over several seeds.

Each seed is a library and an audience of its own, and runs through the whole system: Kafka, worker, `highlights retrain`,
ClickHouse. A ranker that the gate refuses changes no score; its seed counts, with a difference of 0, and is named.
"""

from collections import defaultdict
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.system import viewers
from scoring.evaluation.comparison import estimate, paired_difference
from streams.cli.demo import learn, system, watch
from streams.cli.truth import Agreement
from streams.learning.releases import Releases
from streams.settings import Settings


def main(
    seeds: Annotated[int, typer.Option(min=2, help="How many libraries.")] = 5,
    events: Annotated[int, typer.Option(min=1_000, help="About how many interactions.")] = 400_000,
    videos: Annotated[int, typer.Option(min=1, help="Size of a library.")] = 300,
) -> None:
    """Print the mean over seeds and the paired differences, and what the gate said of each seed's ranker."""
    found: defaultdict[str, list[Agreement]] = defaultdict(list)
    outcomes = {}
    for seed in range(1, seeds + 1):
        with system(Settings()) as (settings, client):
            source = viewers(seed, events, videos)
            watch(settings, source)
            rows = learn(settings, client, source)
            outcomes[seed] = outcome(settings)
        for row in rows:
            found[row.clips].append(row)
    console = Console(width=140)
    console.print(_table(found, seeds))
    console.print("; ".join(f"seed {seed}: {what}" for seed, what in outcomes.items()))


def outcome(settings: Settings) -> str:
    """Return what has become of the ranker of a system that has trained one.

    Raises:
        RuntimeError: there is none.
    """
    made = Releases(settings.learning.folder(settings.data_dir)).manifests()
    if not made:
        message = "the training has failed, what it said is above: with a difference of 0 it would say nothing of rankers"
        raise RuntimeError(message)
    return "accepted" if made[-1].accepted else "refused"


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
