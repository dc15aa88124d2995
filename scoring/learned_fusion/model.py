"""The learned fusion: opinions with errors of their own and one error that they share.

A signal's value becomes an opinion `o = worth + error` in points (`maps`). Its error has a variance of its own, `misfit` plus
what is known of the value's spread; besides, all opinions on a clip share an error of variance `shared`: they have seen the
same pixels, or the same few viewers. With precisions p_i = 1 / (misfit_i + spread_i**2) of the opinions that are there, the
pooled opinion is their precision-weighted mean, of variance

    1 / sum(p) + shared,

and the score is the posterior mean under the library's N(mean, variance) of worth. So the interval never gets narrower than
what the signals get wrong together, however many sessions there are; a signal that is missing has no precision, and the others
and the library take its place; and as no weight depends on a value, the score nowhere falls when a signal rises.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.limits import MAX_SCORE
from scoring.learned_fusion.maps import MonotoneMap

Floats = NDArray[np.float64]


class SignalTable(NamedTuple):
    """k signals of n clips. Any unit will do: a higher value is to speak for the clip."""

    value: Floats
    """[k, n]; NaN where a signal is missing."""
    spread: Floats
    """[k, n] known standard deviation of the value, in its unit; 0 where none is known of."""

    def take(self, clips: NDArray[np.int64] | NDArray[np.bool_]) -> "SignalTable":
        """Return some clips."""
        return SignalTable(self.value[:, clips], self.spread[:, clips])

    def only(self, signals: list[int]) -> "SignalTable":
        """Return some signals."""
        return SignalTable(self.value[signals], self.spread[signals])


class LearnedScore(NamedTuple):
    """Fused scores of n clips."""

    worth: Floats
    """[n] not bound to 0-10."""
    sd: Floats
    """[n] of the posterior."""
    low: Floats
    """[n] central 90 % interval, within 0-10."""
    high: Floats
    parts: Floats
    """[k, n] points that each signal adds to the library's mean; they add up to the worth."""

    @property
    def score(self) -> Floats:
        """The worth, bounded to 0-10."""
        return np.clip(self.worth, 0.0, MAX_SCORE)


@dataclass(frozen=True)
class FusionModel:
    """What is learned: a curve and a misfit per signal, and four numbers."""

    names: tuple[str, ...]
    """[k] of the signals."""
    maps: tuple[MonotoneMap, ...]
    """[k] from a signal's value to its opinion."""
    misfit: Floats
    """[k] variance of a signal's own error, square points; infinite for a signal that says nothing."""
    shared: float
    """Variance of the error that all signals share."""
    mean: float
    """Of the labelled clips' worth."""
    variance: float
    """Of the labelled clips' worth."""
    half_width: float
    """Of a central 90 % interval, in standard deviations, as labelled clips have it."""

    def fuse(self, signals: SignalTable) -> LearnedScore:
        """Return the fused scores of n clips.

        Args:
            signals: k signals in the order of `names`.
        """
        opinion, precision = self.opinions(signals)
        trust, weight = self._weighed(precision)
        parts = weight * np.nan_to_num(opinion - self.mean)
        worth = self.mean + parts.sum(axis=0)
        sd = np.sqrt(self.variance * (1.0 - trust))
        half = self.half_width * sd
        low, high = (np.clip(worth + sign * half, 0.0, MAX_SCORE) for sign in (-1, 1))
        return LearnedScore(worth, sd, low, high, parts)

    def weights(self, signals: SignalTable) -> Floats:
        """Return the weight of each signal's opinion, [k, n]; what they lack to 1 is the weight of the library's mean."""
        return self._weighed(self.opinions(signals)[1])[1]

    def _weighed(self, precision: Floats) -> tuple[Floats, Floats]:
        """Return the trust in the pooled opinion, [n], and each signal's part of it, [k, n]."""
        total = precision.sum(axis=0)
        with np.errstate(divide="ignore"):
            trust = self.variance / (self.variance + self.shared + 1.0 / total)
        return trust, trust * precision / np.where(total > 0, total, 1.0)

    def opinions(self, signals: SignalTable) -> tuple[Floats, Floats]:
        """Return each signal's opinion in points, NaN where it is missing, and its precision, 0 there; both [k, n]."""
        opinion = np.stack([curve(row) for curve, row in zip(self.maps, signals.value, strict=True)])
        slope = np.array([curve.slope for curve in self.maps])[:, None]
        variance = self.misfit[:, None] + (slope * signals.spread) ** 2
        return opinion, np.where(np.isnan(signals.value), 0.0, 1.0 / variance)
