"""Empirical-Bayes rates: how often sessions that saw a clip shared it, rewound to it, or jumped over it.

A clip's rate is Beta(a, b) before it is seen, and Beta(a + s, b + n - s) after s of n sessions: mean
`(s + a) / (n + a + b)`. The prior is fitted from the library, by position in the video: viewers drop out and skip intros,
so a rate means something only against clips at the same place. The fit is a method of moments (Kleinman 1973, "Proportions
with extraneous variance") on integer sums, so that it does not depend on the order of the clips.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.interactions import FAST_FORWARD, PLAY, REWIND, SHARE

SIGNAL_KINDS: Final = (SHARE, REWIND, FAST_FORWARD)
"""Kinds that have a rate; `play` is what they are divided by."""

POSITION_BINS: Final = 8
"""Clips 0, 1, 2-3, 4-7, 8-15, 16-31, 32-63, and 64 on."""

INTERVAL_Z: Final = 1.6448536269514722
"""Half-width of a central 90 % interval in standard deviations."""

_MIN_EXPOSURES = 10
_MIN_CLIPS = 20
_ONE = 1 << 20
_STRENGTH_RANGE = (2.0, 100_000.0)
_FIRST_MEANS = (0.02, 0.05, 0.10)
_FIRST_STRENGTH = 50.0


class RatePrior(NamedTuple):
    """Beta priors: `mean[kind, bin]` and `strength[kind]` (a + b, in sessions), kinds in the order of SIGNAL_KINDS."""

    mean: NDArray[np.float64]
    strength: NDArray[np.float64]
    fitted_offset: int
    """Source offset before which all interactions took part in the fit; 0 for the prior of an empty library."""


def first_prior() -> RatePrior:
    """Return the prior of a library that nobody has watched yet: rates that players commonly see, loosely held."""
    means = np.repeat(np.array(_FIRST_MEANS)[:, None], POSITION_BINS, axis=1)
    return RatePrior(means, np.full(len(SIGNAL_KINDS), _FIRST_STRENGTH), 0)


def position_bin(clip_index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position bin of each clip index."""
    return np.minimum(np.frexp(clip_index.astype(np.float64))[1], POSITION_BINS - 1).astype(np.int64)


def fit_prior(
    counts: NDArray[np.uint32], clip_index: NDArray[np.int64], fitted_offset: int, least_exposures: int | None = None
) -> RatePrior:
    """Fit the prior from a library.

    Args:
        counts: [kinds, n] distinct sessions per clip, all time.
        clip_index: [n].
        fitted_offset: kept with the prior, as its version.
        least_exposures: that a clip needs to take part, 10 if not given; at least 2, which is what chance can be told from.

    Returns:
        The prior. Where fewer than 20 clips have that many exposures, the first prior stands in.
    """
    seen = counts[PLAY] >= (least_exposures or _MIN_EXPOSURES)
    exposures, bins = counts[PLAY, seen].astype(np.int64), position_bin(clip_index[seen])
    prior = first_prior()._replace(fitted_offset=fitted_offset)
    if len(exposures) < _MIN_CLIPS:
        return prior
    clips_of_bin = np.bincount(bins, minlength=POSITION_BINS)
    for row, kind in enumerate(SIGNAL_KINDS):
        sessions = np.minimum(counts[kind, seen].astype(np.int64), exposures)
        rate = sessions * _ONE // exposures
        prior.mean[row] = _means(rate, bins, clips_of_bin)
        prior.strength[row] = _strength(rate, exposures, prior.mean[row], bins, clips_of_bin)
    return prior


def _means(rate: NDArray[np.int64], bins: NDArray[np.int64], clips_of_bin: NDArray[np.int64]) -> NDArray[np.float64]:
    sums = np.zeros(POSITION_BINS, np.int64)
    np.add.at(sums, bins, rate)
    whole = (int(rate.sum()) + 1) / (len(rate) * _ONE + 2)
    means = np.where(clips_of_bin >= _MIN_CLIPS, sums / np.maximum(clips_of_bin, 1) / _ONE, whole)
    return np.clip(means, 1e-6, 1 - 1e-6)


def _strength(
    rate: NDArray[np.int64],
    exposures: NDArray[np.int64],
    mean_of_bin: NDArray[np.float64],
    bins: NDArray[np.int64],
    clips_of_bin: NDArray[np.int64],
) -> float:
    """Return a + b from the spread of rates round their bins' means that chance alone does not make.

    In a bin of mean m true rates have the variance m (1 - m) / (a + b + 1), so over all bins that of the mean m (1 - m).
    """
    spread = (rate - np.rint(mean_of_bin[bins] * _ONE).astype(np.int64)) ** 2
    chance = rate * (_ONE - rate) // np.maximum(exposures - 1, 1)
    variance = (int(spread.sum()) - int(chance.sum())) / len(rate) / _ONE**2
    # By bins, not by clips: floats are added in an order that is the same for every order of the clips.
    widest = float((mean_of_bin * (1 - mean_of_bin) * clips_of_bin).sum()) / len(rate)
    lowest, highest = _STRENGTH_RANGE
    if variance <= 0:
        return highest
    return float(np.clip(widest / variance - 1, lowest, highest))


class Posterior(NamedTuple):
    """Rates of n clips: `mean[kinds, n]`, standard deviation `sd[kinds, n]`, and the prior mean `expected[kinds, n]`."""

    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    expected: NDArray[np.float64]


def posterior(sessions: NDArray[np.float64], clip_index: NDArray[np.int64], prior: RatePrior) -> Posterior:
    """Return the rates' posterior.

    Args:
        sessions: [kinds, n] effective distinct sessions, all kinds including `play`.
        clip_index: [n].
        prior: as fitted.
    """
    exposures = sessions[PLAY]
    events = np.minimum(sessions[list(SIGNAL_KINDS)], exposures)
    expected = prior.mean[:, position_bin(clip_index)]
    strength = prior.strength[:, None]
    total = exposures + strength
    mean = (events + expected * strength) / total
    return Posterior(mean, np.sqrt(mean * (1 - mean) / (total + 1)), expected)
