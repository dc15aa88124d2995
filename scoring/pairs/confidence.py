"""How sure a pair is: the probability that one clip's true rate, for its place in the video, is above the other's.

A clip's rate is Beta(a + s, b + n - s) after s of n sessions, with a and b fitted from the library at the clip's position
(`scoring.rates`). Its log-odds have mean `digamma(a + s) - digamma(b + n - s)` and variance
`trigamma(a + s) + trigamma(b + n - s)`, both exact (Johnson, Kotz, Balakrishnan, "Continuous univariate distributions" 2,
ch. 25). Without s and n they are what is usual at the position, and a clip's worth is by how many of the usual standard
deviations it lies above the usual mean: what is left when position is accounted for. Log-odds of rare events are lower than
those of the usual rate, and more widely spread, so that less the usual rate alone they would favour one position's clips.
Exposure is accounted for, too: a rate is per session that saw the clip, and few sessions make a wide posterior, not a low one.

Worth is taken as Gaussian, and clips as independent. Sessions that saw both clips make the counts depend on each other a
little, mostly towards the same side, so that the confidence is rather too low than too high.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, ndtr, polygamma

from schemas.interactions import FAST_FORWARD, PLAY
from scoring.rates import SIGNAL_KINDS, RatePrior, position_bin

Floats = NDArray[np.float64]


class Worth(NamedTuple):
    """Posterior of n clips' worth by one kind, in standard deviations of what is usual at their position; higher is better."""

    mean: Floats
    variance: Floats


def worth_by(kind: int, counts: NDArray[np.uint32], clip_index: NDArray[np.int64], prior: RatePrior) -> Worth:
    """Return what one kind of interaction says of n clips.

    Args:
        kind: one of SIGNAL_KINDS; a fast-forward speaks against the clip that it jumps over.
        counts: [kinds, n] distinct sessions, `play` among them.
        clip_index: [n].
        prior: as fitted.
    """
    row = SIGNAL_KINDS.index(kind)
    exposures = counts[PLAY].astype(np.float64)
    events = np.minimum(counts[kind], exposures)
    bins = position_bin(clip_index)
    a, b = prior.mean[row] * prior.strength[row], (1 - prior.mean[row]) * prior.strength[row]
    usual_mean, usual_variance = (usual[bins] for usual in _log_odds(a, b))
    mean, variance = _log_odds(a[bins] + events, b[bins] + exposures - events)
    above = (mean - usual_mean) / np.sqrt(usual_variance)
    return Worth(-above if kind == FAST_FORWARD else above, variance / usual_variance)


def _log_odds(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of the log-odds of Beta(a, b) rates."""
    return digamma(a) - digamma(b), polygamma(1, a) + polygamma(1, b)


def probability_above(worth: Worth, one: NDArray[np.int64], other: NDArray[np.int64]) -> Floats:
    """Return for each pair of rows the probability that the first clip is worth more."""
    probability: Floats = ndtr((worth.mean[one] - worth.mean[other]) / np.sqrt(worth.variance[one] + worth.variance[other]))
    return probability


def confidence_of(probability: Floats) -> Floats:
    """Return `2 * |p - 1/2|`: 0 for a pair that nothing speaks for, 1 for a certain one."""
    return 2 * np.abs(probability - 0.5)


def probability_right(confidence: Floats) -> Floats:
    """Return how probably a pair of that confidence is the right way round: the inverse of `confidence_of`."""
    return (1 + confidence) / 2
