"""The gate: whether a new ranker may take the place of the one before, by clips of videos that neither has learned from.

It is asked twice: by the pairs that viewers' behaviour gives, and by labelled clips. Neither alone will do: behaviour is
missing where nobody has watched, and labels know nothing of what viewers like.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.ranker.dataset import RankedPairs

_RESAMPLES: Final = 2_000
_INTERVAL: Final = (2.5, 97.5)
_CHANCE: Final = 0.5
LEAST_PAIRS: Final = 50
TOLERANCE: Final = 0.01
"""A mean that is worse by more is refused, though chance may explain it."""


@dataclass(frozen=True)
class Accuracy:
    """Share of held-out pairs that are ordered rightly, by confidence, with a 95 % interval over videos."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """What one kind of held-out pairs says of a candidate."""

    pairs: int
    accuracy: Accuracy | None = None
    """Of the candidate; None where there are too few pairs to tell."""
    difference: Accuracy | None = None
    """Candidate less current, paired; None where there is no current release."""

    @property
    def refusal(self) -> str | None:
        """Why these pairs refuse the candidate; None if they do not, or cannot tell."""
        if self.difference:
            worse = self.difference.mean < -TOLERANCE or self.difference.high < 0
            figures = f"{self.difference.mean:.3f} ({self.difference.low:.3f} to {self.difference.high:.3f})"
            return f"worse than the current release by {figures}" if worse else None
        if self.accuracy and self.accuracy.low <= _CHANCE:
            return f"not better than chance: {self.accuracy.mean:.3f} ({self.accuracy.low:.3f} to {self.accuracy.high:.3f})"
        return None


@dataclass(frozen=True)
class Verdict:
    """What the gate has decided."""

    accepted: bool
    reason: str
    viewers: Comparison
    labels: Comparison


def judge(viewers: Comparison, labels: Comparison) -> Verdict:
    """Decide: a candidate is accepted unless viewers or labels refuse it, and there are enough of viewers' pairs to ask."""
    if viewers.accuracy is None:
        reason = f"{viewers.pairs} held-out pairs of viewers are too few to judge by: {LEAST_PAIRS} are needed"
        return Verdict(False, reason, viewers, labels)
    named = (("held-out pairs of viewers", viewers), ("held-out labelled clips", labels))
    refusals = [f"{comparison.refusal} on {name}" for name, comparison in named if comparison.refusal]
    if refusals:
        return Verdict(False, "; ".join(refusals), viewers, labels)
    reason = "not worse than the current release" if viewers.difference else "the first release, better than chance"
    return Verdict(True, reason, viewers, labels)


def compare(
    candidate: NDArray[np.float32],
    current: NDArray[np.float32] | None,
    pairs: RankedPairs,
    video: NDArray[np.int64],
    seed: int,
) -> Comparison:
    """Compare two rankers on held-out pairs, resampling videos (Efron's percentile bootstrap).

    Args:
        candidate: [n] scores of all clips.
        current: [n] scores of the release that holds now; None where there is none.
        pairs: held-out pairs of rows.
        video: [n] number of each clip's video.
        seed: of the resampling.
    """
    count = len(pairs.preferred)
    if count < LEAST_PAIRS:
        return Comparison(count)
    resampled, right = _Resampled(pairs, video, seed), _right(candidate, pairs)
    difference = None if current is None else resampled.mean(right - _right(current, pairs))
    return Comparison(count, resampled.mean(right), difference)


def _right(scores: NDArray[np.float32], pairs: RankedPairs) -> NDArray[np.float64]:
    """Return 1 for a pair that is ordered rightly, 0 for one that is not, 1/2 for a tie."""
    right: NDArray[np.float64] = (np.sign(scores[pairs.preferred] - scores[pairs.other]) + 1.0) / 2.0
    return right


class _Resampled:
    """Weighted means over pairs, of all videos and of resampled ones; a pair belongs to its preferred clip's video."""

    def __init__(self, pairs: RankedPairs, video: NDArray[np.int64], seed: int) -> None:
        videos, self._video = np.unique(video[pairs.preferred], return_inverse=True)
        self._confidence, self._videos = pairs.confidence, len(videos)
        drawn = np.random.default_rng(seed).integers(self._videos, size=(_RESAMPLES, self._videos))
        self._times = np.stack([np.bincount(row, minlength=self._videos) for row in drawn])

    def mean(self, value: NDArray[np.float64]) -> Accuracy:
        sums = np.bincount(self._video, self._confidence * value, self._videos)
        weights = np.bincount(self._video, self._confidence, self._videos)
        low, high = np.percentile((self._times @ sums) / (self._times @ weights), _INTERVAL)
        return Accuracy(float(sums.sum() / weights.sum()), float(low), float(high))
