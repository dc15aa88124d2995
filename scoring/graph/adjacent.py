"""Clips that follow each other in a video: what happens in one begins in the one before, and the same people see both."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

_WEIGHTS: Final = (1.0, 0.5)
"""Of the next clip, and of the one after it."""


def adjacent_clips(video: NDArray[np.int64], clip_index: NDArray[np.int64]) -> csr_array:
    """Return neighbours in time, [n, n], symmetric.

    Args:
        video: [n] number of each clip's video.
        clip_index: [n] place of each clip in its video; no two clips have the same.
    """
    size = len(video)
    order = np.lexsort((clip_index, video))
    rows, columns, weights = [], [], []
    for steps in range(1, len(_WEIGHTS) + 1):
        one, other = order[:-steps], order[steps:]
        apart = clip_index[other] - clip_index[one]
        near = (video[one] == video[other]) & (apart <= len(_WEIGHTS))
        rows += [one[near], other[near]]
        columns += [other[near], one[near]]
        weights += 2 * [np.array(_WEIGHTS, np.float32)[apart[near] - 1]]
    parts = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    return csr_array(coo_array(parts, shape=(size, size)))
