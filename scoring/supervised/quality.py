"""How good outputs are, by labelled clips."""

import numpy as np
from numpy.typing import NDArray

from scoring.supervised.clips import LabelledClips
from scoring.supervised.outputs import Outputs


def quality_of(outputs: Outputs, clips: LabelledClips) -> float:
    """Return the share of the scores' variance that is explained, and the tags' macro average precision, of what is known."""
    quality, scored = 0.0, clips.scored
    if outputs.mean is not None and scored.any():
        variance = max(float(clips.score[scored].var()), 1e-9)
        quality += 1 - squared_error(outputs.mean, clips) / variance
    if outputs.tags is not None and clips.tagged.any():
        quality += float(np.nan_to_num(macro_average_precision(outputs.tags, clips)))
    return quality


def squared_error(mean: NDArray[np.float32], clips: LabelledClips) -> float:
    """Return the mean squared error of n scores on 0-10, over the scored clips."""
    return float(np.mean((mean - clips.score)[clips.scored].astype(np.float64) ** 2))


def macro_average_precision(probability: NDArray[np.float32], clips: LabelledClips) -> float:
    """Return the mean average precision over the tags that some clips have and others have not; NaN where there is none.

    Args:
        probability: [n, t].
        clips: n, of which the tagged ones count.
    """
    tags, known = clips.tags[clips.tagged], probability[clips.tagged]
    mixed = (tags.min(axis=0) == 0) & (tags.max(axis=0) == 1)
    return float(average_precision(tags[:, mixed], known[:, mixed]).mean()) if mixed.any() else float("nan")


def average_precision(tags: NDArray[np.float32], probability: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the average precision of each of t tags that n clips have or not, all at once since it is asked after every epoch.

    It is the mean, over the clips that have the tag, of the precision among all clips that are at least as probable. Both
    arguments have shape [n, t], the result [t].
    """
    count, order = len(tags), np.argsort(-probability, axis=0, kind="stable")
    has, sorted_ = (np.take_along_axis(values, order, axis=0) for values in (tags, probability))
    last = np.vstack([sorted_[:-1] != sorted_[1:], np.ones((1, tags.shape[1]), np.bool_)])
    place = np.where(last, np.arange(count)[:, None], count)
    end = np.minimum.accumulate(place[::-1], axis=0)[::-1]
    found = np.take_along_axis(np.cumsum(has, axis=0, dtype=np.float64), end, axis=0)
    precision: NDArray[np.float64] = (has * found / (end + 1)).sum(axis=0) / has.sum(axis=0)
    return precision
