"""Which pairs are worth a look: in every group of comparable clips, from neighbours in worth to clips half the group apart.

A ranker learns most near its decision boundary, where clips are close, and is kept upright by easy pairs (uncertainty
sampling alone gathers noise: Settles 2009, "Active learning literature survey", 2.1). All pairs of a group grow with its
square, so the clips of a group are put in order of worth, and each is paired with those `d` places on, for a few `d`
that grow geometrically from 1 to half the group. A clip is then in at most two pairs of each `d`, whatever the group.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


class Candidates(NamedTuple):
    """Pairs of rows that could be compared; `better` is worth no less than `worse`, as far as is known."""

    better: Rows
    worse: Rows


def candidates_of(order: Rows, group: Rows, distances: int) -> Candidates:
    """Return candidate pairs.

    Args:
        order: rows, sorted by group and within the group by rising worth.
        group: [n] the group of each row.
        distances: how many `d` there are; a row is in at most twice as many pairs.
    """
    sorted_group = group[order]
    places = np.arange(len(order))
    starts = np.flatnonzero(np.diff(sorted_group, prepend=sorted_group[:1] - 1)) if len(order) else places
    sizes = np.diff(starts, append=len(order))
    end = np.repeat(starts + sizes, sizes)
    better, worse = [], []
    for distance in _distances(np.repeat(sizes, sizes), distances):
        low = places[(distance > 0) & (places + distance < end)]
        worse.append(order[low])
        better.append(order[low + distance[low]])
    return Candidates(np.concatenate(better), np.concatenate(worse))


def candidates_by(score: NDArray[np.floating[Any]], group: Rows, distances: int) -> Candidates:
    """Return candidate pairs of the rows that have a score, in the order of it; [n] each, NaN for no score."""
    rows = np.flatnonzero(~np.isnan(score))
    return candidates_of(rows[np.lexsort((rows, score[rows], group[rows]))], group, distances)


def _distances(size: Rows, count: int) -> list[Rows]:
    """Return distances per row, geometric from 1 to half the size of the row's group; 0 where one would repeat another."""
    exponents = np.linspace(0, 1, count)
    all_distances = [np.floor(np.maximum(size / 2, 1) ** exponent + 1e-9).astype(np.int64) for exponent in exponents]
    first, rest = all_distances[0], zip(all_distances[1:], all_distances, strict=False)
    return [first, *(np.where(distance > before, distance, 0) for distance, before in rest)]
