"""How much the ranker's settings matter, and whether others would be better: one at a time, by viewers who are no judges.

The judges of `highlights evaluate ranking` are left out before anything else; the other half of the viewers is split into
judges and watchers of its own, of which as many viewers make the pairs as at 15 % of all. Each setting is compared with the one
in use, seed by seed.

`python -m benchmarks.ranker_settings --data DATA`
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from numpy.typing import NDArray
from rich.live import Live
from rich.table import Table

from scoring.evaluation.comparison import estimate, paired_difference
from scoring.evaluation.opinions import ViewerOpinions
from scoring.evaluation.ranking import find, without_judges
from scoring.evaluation.ranking_conditions import BOTH, PLAIN, Condition
from scoring.ranker.training import RankerConfig
from streams.datasets.movielens import read_movielens

_CONDITION: Final = Condition(0.3, 0.0)
_METHODS: Final = (PLAIN, BOTH)
_OTHERS: Final[Mapping[str, tuple[Any, ...]]] = {
    "hidden": (16, 64),
    "layers": (1, 3),
    "dropout": (0.1, 0.5),
    "learning_rate": (1e-3, 1e-2),
    "weight_decay": (0.1, 1.0),
}


def main(
    data: Annotated[Path, typer.Option(help="Folder that holds `movielens`.")],
    seeds: Annotated[int, typer.Option(min=2, help="Repetitions of each setting.")] = 4,
) -> None:
    """Print a table of settings."""
    opinions = without_judges(read_movielens(data))
    in_use = _taus(opinions, RankerConfig(), seeds)
    table = Table(
        "setting", "plain", "both", title=f"Kendall's tau by viewers who are no judges, {seeds} seeds; others less those in use"
    )
    table.add_row("in use", *(str(estimate(taus)) for taus in in_use))
    with Live(table):
        for name, values in _OTHERS.items():
            for value in values:
                found = _taus(opinions, replace(RankerConfig(), **{name: value}), seeds)
                table.add_row(f"{name} = {value}", *(str(paired_difference(*both)) for both in zip(found, in_use, strict=True)))


def _taus(opinions: ViewerOpinions, config: RankerConfig, seeds: int) -> list[NDArray[np.float64]]:
    """Return the taus of each method, [seeds]."""
    taus = find(opinions, seeds, config, trials={_CONDITION: _METHODS}).tau
    return [np.array(taus[_CONDITION, method]) for method in _METHODS]


if __name__ == "__main__":
    typer.run(main)
