"""The gate: whether a new ranker may take the place of the one before, by clips of videos that neither has learned from.

It is asked twice: by the pairs that viewers' behaviour gives, and by labelled clips. Neither alone will do: behaviour is
missing where nobody has watched, and labels know nothing of what viewers like. A gate that cannot tell stays shut: without
enough pairs of viewers, of enough videos, there is no release, and what held goes on to hold.

Intervals come from resampling videos. A pair of two videos counts as often as both were drawn, the product of how often
each was (Snijders and Borgatti 1999, "Non-parametric standard errors and tests for network statistics"), a pair of one
video as often as that. Resamples of few videos lie too close together, so that the percentiles taken are further out, by
Student's t (Hesterberg 2015, "What teachers should know about the bootstrap"). Below three videos they say nothing.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.special import ndtr, stdtrit

from scoring.ranker.dataset import RankedPairs

_RESAMPLES: Final = 2_000
_TAIL: Final = 0.025
"""Of a 95 % interval, on either side."""
_CHANCE: Final = 0.5
LEAST_PAIRS: Final = 50
LEAST_VIDEOS: Final = 3
"""That held-out pairs are of; two that agree by chance are nothing rare."""
TOLERANCE: Final = 0.01
"""A mean that is worse by more is refused, though chance may explain it."""


@dataclass(frozen=True)
class Accuracy:
    """Share of held-out pairs that are ordered rightly, by confidence, with a 95 % interval over videos."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return the figures as people read them."""
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class Comparison:
    """What one kind of held-out pairs says of a candidate."""

    pairs: int
    videos: int = 0
    """That the pairs' clips are of."""
    unscored: int = 0
    """Clips of the library for which the candidate has no finite number."""
    accuracy: Accuracy | None = None
    """Of the candidate; None where there are too few pairs to tell."""
    difference: Accuracy | None = None
    """Candidate less current, paired; None where there is no current release."""

    @property
    def refusal(self) -> str | None:
        """Why these pairs refuse the candidate; None if they do not, or cannot tell."""
        if self.unscored:
            return f"no finite score for {self.unscored} clips"
        if self.difference:
            worse = self.difference.mean < -TOLERANCE or self.difference.high < 0
            return f"worse than the current release by {self.difference}" if worse else None
        if self.accuracy and self.videos >= LEAST_VIDEOS and self.accuracy.low <= _CHANCE:
            return f"not better than chance: {self.accuracy}"
        return None


@dataclass(frozen=True)
class Verdict:
    """What the gate has decided."""

    accepted: bool
    reason: str
    viewers: Comparison
    labels: Comparison


def judge(viewers: Comparison, labels: Comparison) -> Verdict:
    """Decide: a candidate is accepted where viewers' pairs and their videos are enough to ask, and nobody refuses it."""
    named = (("held-out pairs of viewers", viewers), ("held-out labelled clips", labels))
    refusals = [f"{comparison.refusal} on {name}" for name, comparison in named if comparison.refusal]
    reason = _cannot_tell(viewers, labels) or "; ".join(refusals)
    if reason:
        return Verdict(False, reason, viewers, labels)
    reason = "not worse than the current release" if viewers.difference else "the first release, better than chance"
    return Verdict(True, reason, viewers, labels)


def _cannot_tell(viewers: Comparison, labels: Comparison) -> str | None:
    """Return why nothing can be said of a candidate; None if something can."""
    unscored = max(viewers.unscored, labels.unscored)
    if unscored:
        return f"the candidate's scores of {unscored} clips are no finite numbers"
    if viewers.accuracy is None:
        return f"{viewers.pairs} held-out pairs of viewers are too few to judge by: {LEAST_PAIRS} are needed"
    if viewers.videos < LEAST_VIDEOS:
        videos = f"{viewers.videos} of the {LEAST_VIDEOS} videos that are needed"
        return f"held-out pairs of viewers are of {videos}: one in ten is held out, have {10 * LEAST_VIDEOS} or more watched"
    return None


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
    videos = len(np.unique(video[[pairs.preferred, pairs.other]]))
    asked = Comparison(len(pairs.preferred), videos, int(np.count_nonzero(~np.isfinite(candidate))))
    if asked.pairs < LEAST_PAIRS:
        return asked
    resampled, right = _Resampled(pairs, video, seed), ordered_rightly(candidate, pairs)
    difference = None if current is None else resampled.mean(right - ordered_rightly(current, pairs), lowest=-1.0)
    return replace(asked, accuracy=resampled.mean(right, lowest=0.0), difference=difference)


def ordered_rightly(scores: NDArray[np.floating[Any]], pairs: RankedPairs) -> NDArray[np.float64]:
    """Return 1 for a pair that is ordered rightly, 0 for one that is not or that has no number, 1/2 for a tie."""
    preferred, other = scores[pairs.preferred], scores[pairs.other]
    right: NDArray[np.float64] = (preferred > other) + (preferred == other) / 2.0
    return right


class _Resampled:
    """Means over pairs, weighted by confidence, of all videos and of resampled ones."""

    def __init__(self, pairs: RankedPairs, video: NDArray[np.int64], seed: int) -> None:
        videos, ends = np.unique(video[[pairs.preferred, pairs.other]], return_inverse=True)
        self._videos, self._confidence = len(videos), pairs.confidence
        self._one, self._other = ends.reshape(2, -1)
        drawn = np.random.default_rng(seed).integers(self._videos, size=(_RESAMPLES, self._videos))
        self._times = np.stack([np.bincount(row, minlength=self._videos) for row in drawn]).astype(np.float64)
        self._weights = self._sums(pairs.confidence)

    def mean(self, value: NDArray[np.float64], lowest: float) -> Accuracy:
        """Return the mean of a value of each pair, `lowest` to 1, and its interval: all of that for too few videos."""
        weighted = self._confidence * value
        mean = float(weighted.sum() / self._confidence.sum())
        if self._videos < LEAST_VIDEOS:
            return Accuracy(mean, lowest, 1.0)
        has_pairs = self._weights > 0
        tail = ndtr(np.sqrt(self._videos / (self._videos - 1)) * stdtrit(self._videos - 1, _TAIL))
        low, high = np.quantile(self._sums(weighted)[has_pairs] / self._weights[has_pairs], (tail, 1 - tail))
        return Accuracy(mean, float(low), float(high))

    def _sums(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum over the pairs of each resample."""
        within = self._one == self._other
        ends = self._one[~within], self._other[~within]
        across = csr_array(coo_array((value[~within], ends), shape=(self._videos, self._videos)))
        of_one_video = np.bincount(self._one[within], value[within], self._videos)
        sums: NDArray[np.float64] = np.einsum("rv,rv->r", self._times @ across, self._times) + self._times @ of_one_video
        return sums
