"""Weak pairs from clip statistics: columns in, columns out. The same clips give the same pairs, in whatever order they come."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.interactions import PLAY
from scoring.pairs.candidates import Candidates, candidates_of
from scoring.pairs.confidence import Worth, confidence_of, probability_above, worth_by
from scoring.rates import SIGNAL_KINDS, RatePrior

SAME_VIDEO: Final = 0
SAME_CATEGORY: Final = 1
NO_CATEGORY: Final = -1


class ClipStatistics(NamedTuple):
    """Statistics of n clips, of which no two are the same."""

    video: NDArray[np.uint64]
    category: NDArray[np.int64]
    """NO_CATEGORY where it is not known: the clip is then compared within its video alone."""
    clip_index: NDArray[np.int64]
    counts: NDArray[np.uint32]
    """[kinds, n] distinct sessions."""


class PairRules(NamedTuple):
    """Which pairs are built."""

    kinds: tuple[int, ...] = SIGNAL_KINDS
    least_exposures: int = 5
    """A clip that fewer sessions saw is in no pair: that it was not shared says nothing."""
    least_confidence: float = 0.1
    pairs_per_clip: int = 16
    """At most, for each kind; half of them within the video. At least 4."""


class Pairs(NamedTuple):
    """m weak pairs, sorted by kind, scope and the clips' identity."""

    preferred: NDArray[np.int64]
    """Rows of the statistics that the pairs were built from."""
    other: NDArray[np.int64]
    confidence: NDArray[np.float64]
    """In (0, 1]; `(1 + confidence) / 2` is the probability that the pair is the right way round."""
    kind: NDArray[np.uint8]
    """The kind of interaction that speaks for the pair."""
    scope: NDArray[np.uint8]
    """SAME_VIDEO, or SAME_CATEGORY for clips of two videos."""
    preferred_counts: NDArray[np.uint32]
    """[2, m] exposures, and distinct sessions with an interaction of the kind."""
    other_counts: NDArray[np.uint32]


def build_pairs(clips: ClipStatistics, prior: RatePrior, rules: PairRules = PairRules()) -> Pairs:  # noqa: B008 (immutable)
    """Build the weak pairs of n clips.

    Args:
        clips: of one partition, or of the library.
        prior: fitted from the library.
        rules: which pairs are built.

    Raises:
        ValueError: `pairs_per_clip` leaves no pair for one of the scopes.
    """
    if rules.pairs_per_clip < 4:
        message = f"pairs_per_clip = {rules.pairs_per_clip}: give at least 4, two in each scope"
        raise ValueError(message)
    identity = np.lexsort((clips.clip_index, clips.video))
    rank = np.empty_like(identity)
    rank[identity] = np.arange(len(identity))
    parts = []
    for kind in rules.kinds:
        worth = worth_by(kind, clips.counts, clips.clip_index, prior)
        for scope in (SAME_VIDEO, SAME_CATEGORY):
            candidates = _candidates(clips, scope, worth, rank, rules)
            parts.append(_judge(clips, candidates, worth, rank, (kind, scope), rules))
    return Pairs(*(np.concatenate(columns, axis=-1) for columns in zip(*parts, strict=True)))


def _candidates(clips: ClipStatistics, scope: int, worth: Worth, rank: NDArray[np.int64], rules: PairRules) -> Candidates:
    fit = clips.counts[PLAY] >= max(rules.least_exposures, 1)
    if scope == SAME_VIDEO:
        group = np.unique(clips.video, return_inverse=True)[1]
    else:
        group = clips.category
        fit &= group != NO_CATEGORY
    rows = np.flatnonzero(fit)
    order = rows[np.lexsort((rank[rows], worth.mean[rows], group[rows]))]
    candidates = candidates_of(order, group, rules.pairs_per_clip // 4)
    if scope == SAME_VIDEO:
        return candidates
    apart = clips.video[candidates.better] != clips.video[candidates.worse]
    return Candidates(candidates.better[apart], candidates.worse[apart])


def _judge(
    clips: ClipStatistics,
    candidates: Candidates,
    worth: Worth,
    rank: NDArray[np.int64],
    kind_and_scope: tuple[int, int],
    rules: PairRules,
) -> Pairs:
    confidence = confidence_of(probability_above(worth, candidates.better, candidates.worse))
    sure = np.flatnonzero((confidence > 0) & (confidence >= rules.least_confidence))
    sure = sure[np.lexsort((rank[candidates.worse[sure]], rank[candidates.better[sure]]))]
    preferred, other = candidates.better[sure], candidates.worse[sure]
    kind, scope = kind_and_scope
    return Pairs(
        preferred=preferred,
        other=other,
        confidence=confidence[sure],
        kind=np.full(len(sure), kind, np.uint8),
        scope=np.full(len(sure), scope, np.uint8),
        preferred_counts=clips.counts[[PLAY, kind]][:, preferred],
        other_counts=clips.counts[[PLAY, kind]][:, other],
    )
