"""How far a model can be trusted, from clips that it did not learn from: width of intervals, and where a tag begins."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.metrics import precision_recall_curve

from scoring.conformal import conformal_quantile
from scoring.supervised.clips import LabelledClips
from scoring.supervised.outputs import Outputs

COVERAGE: Final = 0.9
Z: Final = float(norm.ppf((1 + COVERAGE) / 2))
"""Standard deviations on each side of the mean that hold that share of a Gaussian."""
_LEAST: Final = 1e-3
"""Of a standard deviation, and of what it is multiplied by: neither is nothing."""
_DEFAULT_THRESHOLD: Final = 0.5


class Reliability(NamedTuple):
    """Of one model."""

    sd_factor: NDArray[np.float32]
    """[1] by which the network's own sd is to be multiplied so that mean ± 1.645 sd holds 90 % of the labels."""
    thresholds: NDArray[np.float32]
    """[t] probability from which a clip is said to have the tag."""


def fit_reliability(outputs: Outputs, clips: LabelledClips) -> Reliability:
    """Return the reliability of outputs for labelled clips.

    The factor is the split-conformal quantile of `|label - mean| / sd`; a threshold is where F1 is greatest.
    """
    factor, known = 1.0, clips.scored
    if outputs.mean is not None and outputs.sd is not None and known.any():
        missed = np.abs(clips.score[known] - outputs.mean[known]) / np.maximum(outputs.sd[known], _LEAST)
        factor = conformal_quantile(missed, COVERAGE) / Z
    tags = [] if outputs.tags is None else [_threshold(*pair) for pair in zip(outputs.tags.T, clips.tags.T, strict=True)]
    return Reliability(np.array([max(factor, _LEAST)], np.float32), np.array(tags, np.float32))


def _threshold(probability: NDArray[np.float32], tag: NDArray[np.float32]) -> float:
    known = ~np.isnan(tag)
    if not (tag[known] == 1).any():
        return _DEFAULT_THRESHOLD
    precision, recall, thresholds = precision_recall_curve(tag[known], probability[known])
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    return float(thresholds[int(f1[:-1].argmax())])
