"""Annotators' scores of some clips."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.pairs.candidates import candidates_by
from scoring.ranker.dataset import RankedPairs


def annotated_pairs(score: NDArray[np.floating[Any]], group: NDArray[np.int64], distances: int) -> RankedPairs:
    """Return pairs of clips of one group [n] that were given different scores [n], NaN for none; all alike sure."""
    better, worse = candidates_by(score, group, distances)
    return RankedPairs(better, worse, np.ones(len(better))).take(score[better] > score[worse])


def tell_apart(labels: NDArray[np.floating[Any]]) -> bool:
    """Whether labels [n], NaN for none, say something: two of them differ."""
    return len(np.unique(labels[~np.isnan(labels)])) > 1
