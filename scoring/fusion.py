"""The fused score: every signal is a Gaussian opinion on the clip's worth on 0-10, and precisions add up.

A signal with mean m and standard deviation d has precision 1/d**2; the fused score is the precision-weighted mean, its
variance one over the sum. A missing signal has precision 0: it says nothing, rather than zero. So a clip without behaviour
has its supervised score, a clip without anything has the middle of the scale with a wide interval, and behaviour weighs
more the more sessions there are.

Behaviour: for each kind, the clip's rate against the rate that is usual at its position, in standard deviations of the
library's rates, is an opinion whose variance is chance (what n sessions leave open) plus misfit (what the true rate itself
does not say about worth). Celebrity importance is a bonus on top.
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
_WORTH_OF_ONE_SD: Final = 2.0
"""Points on 0-10 that one standard deviation of a library's rates stands for, and the spread of worth itself."""
_CORRELATION = np.array([0.6, 0.5, 0.4])
"""Assumed correlation of a kind's true rate with worth, in the order of SIGNAL_KINDS."""
_MISFIT = 1.0 / _CORRELATION**2 - 1.0
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
    low: Floats
    high: Floats
    behaviour: Floats
    """What behaviour alone says, on 0-10."""
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
    bonus = _CELEBRITY_BONUS * np.nan_to_num(signals.celebrity)
    half = INTERVAL_Z / np.sqrt(total)
    worth = mean + bonus
    return Fused(
        score=np.clip(worth, 0.0, MAX_SCORE),
        low=np.clip(worth - half, 0.0, MAX_SCORE),
        high=np.clip(worth + half, 0.0, MAX_SCORE),
        behaviour=np.where(behaviour > 0, np.clip(behaviour_mean, 0.0, MAX_SCORE), np.nan),
        supervised_weight=supervised / total,
        behaviour_weight=behaviour / total,
        ranker_weight=ranker / total,
        celebrity_bonus=bonus,
    )


def behaviour_opinion(sessions: Floats, clip_index: NDArray[np.int64], prior: RatePrior) -> tuple[Floats, Floats]:
    """Return what behaviour says of n clips: (mean on the 0-10 scale, precision; 0 where there was no exposure).

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
    opinion = MIDDLE + _WORTH_OF_ONE_SD * _SIGN[:, None] * (rate - expected) / library_sd
    with np.errstate(divide="ignore"):
        variance = _WORTH_OF_ONE_SD**2 * (strength / np.where(seen, exposures, 0.0) + _MISFIT[:, None])
    precision = 1.0 / variance
    total = precision.sum(axis=0)
    mean = np.where(seen, (precision * opinion).sum(axis=0) / np.where(seen, total, 1.0), MIDDLE)
    return mean, total


def _precision(sd: Floats) -> Floats:
    return np.nan_to_num(1.0 / np.maximum(sd, _SMALLEST_SD) ** 2)
