"""How good outputs are, by labelled clips."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.supervised.clips import LabelledClips
from scoring.supervised.outputs import Outputs

_LEAST_VARIANCE: Final = 1e-9
"""Square points: what differs by less was rounded differently."""


def quality_of(outputs: Outputs, clips: LabelledClips, score_variance: float | None = None) -> float:
    """Return the share of the scores' variance that is explained, and the tags' macro average precision, of what is known.

    Args:
        outputs: of n clips.
        clips: n with labels.
        score_variance: of the scores that were learned from, as few clips may by chance be all alike; the clips' own when not
            given. Scores that do not differ count for nothing.
    """
    quality, scored = 0.0, clips.scored
    if outputs.mean is not None and scored.any():
        variance = score_variance_of(clips) if score_variance is None else score_variance
        quality += 1 - squared_error(outputs.mean, clips) / variance if variance > _LEAST_VARIANCE else 0.0
    if outputs.tags is not None and clips.tagged.any():
        quality += float(np.nan_to_num(macro_average_precision(outputs.tags, clips)))
    return quality


def score_variance_of(clips: LabelledClips) -> float:
    """Return the variance of the scores of clips, 0 where there are none."""
    return float(clips.score[clips.scored].var(dtype=np.float64)) if clips.scored.any() else 0.0


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
