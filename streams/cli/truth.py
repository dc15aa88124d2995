"""How well the scores that ClickHouse shows agree with the simulator's truth: for the demo."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray
from rich import box
from rich.table import Table

from scoring.evaluation.comparison import rho
from scoring.simulation.library import Library

_WORTH: Final = "SELECT video_id, clip_index, worth, exposures FROM fused_scores"
_GROUPS: Final = (("nobody has watched", 0, 1), ("1-9 sessions", 1, 10), ("10 and more", 10, 1 << 32))
_FEWEST: Final = 100
"""Clips of a group that is shown: of fewer, rho is chance."""


class Shown:
    """The scores of a library's clips as ClickHouse shows them; NaN where it shows none."""

    def __init__(self, client: Client, library: Library) -> None:
        """Read them."""
        first = dict(zip(library.video_ids, library.first_clip.tolist(), strict=False))
        table = client.query_arrow(_WORTH, use_strings=True)
        place = np.array([first[video] for video in table["video_id"].to_pylist()]) + table["clip_index"].to_numpy()
        self.worth = np.full(len(library.appeal), np.nan)
        self.exposures = np.zeros(len(library.appeal), np.int64)
        self.worth[place], self.exposures[place] = table["worth"].to_numpy(), table["exposures"].to_numpy()


class Agreement(NamedTuple):
    """Spearman's rho with the truth of a group of clips, before and after."""

    clips: str
    number: int
    before: float
    after: float


def agreement(library: Library, before: Shown, after: Shown) -> list[Agreement]:
    """Return the agreement of the clips that have a score, all and by who knows them."""
    known = np.repeat(library.known, np.diff(library.first_clip))
    scored = ~np.isnan(before.worth) & ~np.isnan(after.worth)
    groups = {"all": scored}
    for models, group in (("models have seen", known), ("models have not seen", ~known)):
        for name, low, high in _GROUPS:
            groups[f"{models}, {name}"] = scored & group & (before.exposures >= low) & (before.exposures < high)
    return [_agreement(library, before, after, name, chosen) for name, chosen in groups.items() if chosen.sum() >= _FEWEST]


def _agreement(library: Library, before: Shown, after: Shown, name: str, chosen: NDArray[np.bool_]) -> Agreement:
    truth = library.appeal[chosen].astype(np.float64)
    return Agreement(name, int(chosen.sum()), rho(before.worth[chosen], truth), rho(after.worth[chosen], truth))


def agreement_table(rows: Iterable[Agreement]) -> Table:
    """Return the agreement as a table."""
    title = "agreement of the scores with the simulator's truth (Spearman's rho), before and after the ranker"
    table = Table(title=title, box=box.SIMPLE_HEAD)
    for name in ("clips", "number", "before", "after", "difference"):
        table.add_column(name, justify="left" if name == "clips" else "right")
    for row in rows:
        table.add_row(row.clips, f"{row.number:,}", f"{row.before:.3f}", f"{row.after:.3f}", f"{row.after - row.before:+.3f}")
    return table
