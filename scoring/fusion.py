"""The fused score: every signal is a Gaussian opinion on the clip's worth on 0-10, and precisions add up.

A signal with mean m and standard deviation d has precision 1/d**2; the fused score is the precision-weighted mean, its
variance one over the sum. A missing signal has precision 0: it says nothing, rather than zero. So a clip without behaviour
has its supervised score, a clip without anything has the middle of the scale with a wide interval, and behaviour weighs
more the more sessions there are.

Behaviour: let x be a kind's rate against the rate that is usual at the clip's position, in standard deviations of the
library's true rates, and w the clip's worth in standard deviations of worth. A true rate that correlates with worth by r is
r w plus a misfit of variance 1 - r**2, and n sessions add chance, of variance strength / n (of a Beta prior's rates). So x / r
is an opinion on w without bias, of variance (1 - r**2 + strength / n) / r**2. Celebrity importance is a bonus on top.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.interactions import PLAY
from schemas.limits import MAX_SCORE
from scoring.rates import SIGNAL_KINDS, RatePrior, position_bin

Floats = NDArray[np.float64]

FUSION_VERSION: Final = "gaussian-1"
MIDDLE: Final = 5.0
INTERVAL_Z: Final = 1.6448536269514722
"""Half-width of a central 90 % interval in standard deviations."""

_SIGN = np.array([1.0, 1.0, -1.0])
_WORTH_SD: Final = 2.0
"""Spread of worth in a library, points on 0-10."""
_CORRELATION = np.array([0.6, 0.5, 0.4])
"""Assumed correlation of a kind's true rate with worth, in the order of SIGNAL_KINDS."""
_POINTS_OF_ONE_SD = _SIGN * _WORTH_SD / _CORRELATION
_MISFIT = 1.0 - _CORRELATION**2
_NOTHING_KNOWN_SD: Final = 2.5
_CELEBRITY_BONUS: Final = 1.0
_SMALLEST_SD: Final = 0.05


class Signals(NamedTuple):
    """What is known of n clips. NaN where a signal is missing."""

    clip_index: NDArray[np.int64]
    sessions: Floats
    """[kinds, n] effective distinct sessions, decayed."""
    score_mean: Floats
    score_sd: Floats
    celebrity: Floats
    ranker_mean: Floats
    ranker_sd: Floats


class Fused(NamedTuple):
    """Fused scores of n clips and the parts they are made of. NaN where a part is missing."""

    score: Floats
    worth: Floats
    """The score before it is bounded to 0-10: it orders clips that stand at a bound."""
    low: Floats
    high: Floats
    behaviour: Floats
    """The score if there were nothing but behaviour, on 0-10."""
    supervised_weight: Floats
    """Parts of the whole precision; the weights of all parts and of the empty scale add up to 1."""
    behaviour_weight: Floats
    ranker_weight: Floats
    celebrity_bonus: Floats


def fuse(signals: Signals, prior: RatePrior) -> Fused:
    """Fuse the signals of n clips."""
    supervised = _precision(signals.score_sd)
    ranker = _precision(signals.ranker_sd)
    behaviour_mean, behaviour = behaviour_opinion(signals.sessions, signals.clip_index, prior)
    nothing = np.where(supervised > 0, 0.0, _NOTHING_KNOWN_SD**-2)
    total = supervised + ranker + behaviour + nothing
    mean = (
        supervised * np.nan_to_num(signals.score_mean)
        + ranker * np.nan_to_num(signals.ranker_mean)
        + behaviour * behaviour_mean
        + nothing * MIDDLE
    ) / total
    # Few sessions make rates of 0 or 1, far out on any scale: shown is what they say to who expects the middle.
    behaviour_alone = MIDDLE + (behaviour_mean - MIDDLE) * behaviour / (behaviour + _NOTHING_KNOWN_SD**-2)
    bonus = _CELEBRITY_BONUS * np.nan_to_num(signals.celebrity)
    half = INTERVAL_Z / np.sqrt(total)
    worth = mean + bonus
    return Fused(
        score=np.clip(worth, 0.0, MAX_SCORE),
        worth=worth,
        low=np.clip(worth - half, 0.0, MAX_SCORE),
        high=np.clip(worth + half, 0.0, MAX_SCORE),
        behaviour=np.where(behaviour > 0, np.clip(behaviour_alone, 0.0, MAX_SCORE), np.nan),
        supervised_weight=supervised / total,
        behaviour_weight=behaviour / total,
        ranker_weight=ranker / total,
        celebrity_bonus=bonus,
    )


def behaviour_opinion(sessions: Floats, clip_index: NDArray[np.int64], prior: RatePrior) -> tuple[Floats, Floats]:
    """Return what behaviour says of n clips: (mean, in points of 0-10 but not bound to it; precision, 0 without exposure).

    Args:
        sessions: [kinds, n] effective distinct sessions.
        clip_index: [n].
        prior: as fitted.
    """
    exposures = sessions[PLAY]
    seen = exposures > 0
    rate = np.minimum(sessions[list(SIGNAL_KINDS)] / np.where(seen, exposures, 1.0), 1.0)
    expected = prior.mean[:, position_bin(clip_index)]
    strength = prior.strength[:, None]
    library_sd = np.sqrt(expected * (1 - expected) / (strength + 1))
    points = _POINTS_OF_ONE_SD[:, None]
    opinion = MIDDLE + points * (rate - expected) / library_sd
    with np.errstate(divide="ignore"):
        variance = points**2 * (_MISFIT[:, None] + strength / np.where(seen, exposures, 0.0))
    precision = 1.0 / variance
    total = precision.sum(axis=0)
    mean = np.where(seen, (precision * opinion).sum(axis=0) / np.where(seen, total, 1.0), MIDDLE)
    return mean, total


def _precision(sd: Floats) -> Floats:
    return np.nan_to_num(1.0 / np.maximum(sd, _SMALLEST_SD) ** 2)
