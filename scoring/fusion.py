"""The fused score: every signal is a Gaussian opinion on the clip's worth on 0-10, and precisions add up.

A signal with mean m and standard deviation d has precision 1/d**2; the fused score is the precision-weighted mean, its
variance one over the sum. A missing signal has precision 0: it says nothing, rather than zero. So a clip without behaviour
has its supervised score, a clip without anything has the middle of the scale with a wide interval, and behaviour weighs
more the more sessions there are.

Behaviour: let x be the normal score of a kind's rate among the true rates that are usual at the clip's position, and w the
clip's worth in standard deviations of worth. The normal score of a true rate that correlates with worth by r is r w plus a misfit
of variance 1 - r**2, and n sessions add chance, of variance strength / n (of a Beta prior's rates). So x / r is an opinion on
w without bias, of variance (1 - r**2 + strength / n) / r**2. Rates of rare events are skewed, and ten times the usual one is no
wonder among them: normal scores see to that (Paulson 1942, "An approximate normalization of the analysis of variance
distribution"). Celebrity importance is a bonus on top.

A ranker has seen the supervised score, so the two are not two opinions: of the supervised one counts the precision that it
has beyond the ranker's, and together they are as precise as the better of them. The same holds of what is assumed where
nothing is known.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.compiled import compiled
from schemas.interactions import PLAY
from schemas.limits import MAX_SCORE
from scoring.gamma_ratio import cube_root_moments, mean_cube_root_of
from scoring.rates import INTERVAL_Z, SIGNAL_KINDS, RatePrior, position_bin

Floats = NDArray[np.float64]

FUSION_VERSION: Final = "gaussian-4"
MIDDLE: Final = 5.0

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
    supervised_points: Floats
    """Points that each signal adds to what is assumed where nothing is known; with the bonus they add up to the worth."""
    ranker_points: Floats
    share_points: Floats
    rewind_points: Floats
    fast_forward_points: Floats


def fuse(signals: Signals, prior: RatePrior) -> Fused:
    """Fuse the signals of n clips."""
    ranker, model = _precision(signals.ranker_sd), _precision(signals.score_sd)
    supervised = np.maximum(model - ranker, 0.0)
    opinions, precisions = _opinions_of_kinds(signals.sessions, signals.clip_index, prior)
    behaviour_mean, behaviour = _pooled(opinions, precisions)
    nothing = np.where(model > 0, 0.0, np.maximum(_NOTHING_KNOWN_SD**-2 - ranker, 0.0))
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
    share, rewind, fast_forward = np.where(precisions > 0, precisions / total * (opinions - MIDDLE), np.nan)
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
        supervised_points=supervised / total * (signals.score_mean - MIDDLE),
        ranker_points=ranker / total * (signals.ranker_mean - MIDDLE),
        share_points=share,
        rewind_points=rewind,
        fast_forward_points=fast_forward,
    )


def behaviour_opinion(sessions: Floats, clip_index: NDArray[np.int64], prior: RatePrior) -> tuple[Floats, Floats]:
    """Return what behaviour says of n clips: (mean, in points of 0-10 but not bound to it; precision, 0 without exposure).

    Args:
        sessions: [kinds, n] effective distinct sessions.
        clip_index: [n].
        prior: as fitted.
    """
    return _pooled(*_opinions_of_kinds(sessions, clip_index, prior))


def _opinions_of_kinds(sessions: Floats, clip_index: NDArray[np.int64], prior: RatePrior) -> tuple[Floats, Floats]:
    """Return what each kind's rate says of n clips, as `behaviour_opinion` does; both are [kinds of a rate, n]."""
    points = _POINTS_OF_ONE_SD[:, None]
    normal, chance = behaviour_evidence(sessions, clip_index, prior)
    return MIDDLE + points * normal, np.where(sessions[PLAY] > 0, 1.0 / (points**2 * (_MISFIT[:, None] + chance)), 0.0)


def _pooled(opinions: Floats, precisions: Floats) -> tuple[Floats, Floats]:
    total = precisions.sum(axis=0)
    mean = np.where(total > 0, (precisions * opinions).sum(axis=0) / np.where(total > 0, total, 1.0), MIDDLE)
    return mean, total


def behaviour_evidence(sessions: Floats, clip_index: NDArray[np.int64], prior: RatePrior) -> tuple[Floats, Floats]:
    """Return the normal scores of n clips' rates among the true rates that are usual there, and the variances of their chance.

    Both are [kinds of a rate, n], and mean nothing where there is no exposure.

    Args:
        sessions: [kinds, n] effective distinct sessions.
        clip_index: [n].
        prior: as fitted.
    """
    exposures = sessions[PLAY]
    chance = prior.strength[:, None] / np.where(exposures > 0, exposures, 1.0)
    score = np.empty((len(SIGNAL_KINDS), sessions.shape[1]))
    _normal_scores(sessions, position_bin(clip_index), _usual_rates(prior), score)
    return score, chance


def _usual_rates(prior: RatePrior) -> Floats:
    """Return what the normal scores of rates compare with, [kinds of a rate, bins, 6].

    A Beta rate's odds are a ratio of two Gamma variables, whose cube roots are near enough to Gaussian: their shapes, the means
    of the cube roots, and the variances.
    """
    yes, no = prior.mean * prior.strength[:, None], (1.0 - prior.mean) * prior.strength[:, None]
    (root_yes, variance_yes), (root_no, variance_no) = cube_root_moments(yes), cube_root_moments(no)
    return np.stack([yes, no, root_yes, root_no, variance_yes, variance_no], axis=-1)


@compiled
def _normal_scores(sessions, bins, usual, score):
    """Write the normal scores of n clips' rates into `score`, [kinds of a rate, n]; 0 without exposure.

    Chance draws a posterior's score towards 0, so it is made 1 + strength / exposures times as large.
    """
    for clip in range(sessions.shape[1]):
        exposures = sessions[PLAY, clip]
        for row, kind in enumerate(SIGNAL_KINDS):
            score[row, clip] = 0.0
            if exposures > 0:
                events = min(sessions[kind, clip], exposures)
                yes, no, root_yes, root_no, variance_yes, variance_no = usual[row, bins[clip]]
                odds = mean_cube_root_of(yes + events) / mean_cube_root_of(no + exposures - events)
                spread = np.sqrt(variance_yes + odds * odds * variance_no)
                score[row, clip] = (1.0 + (yes + no) / exposures) * (odds * root_no - root_yes) / spread


def _precision(sd: Floats) -> Floats:
    return np.nan_to_num(1.0 / np.maximum(sd, _SMALLEST_SD) ** 2)
