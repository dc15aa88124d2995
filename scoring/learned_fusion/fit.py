"""Learning a fusion from labelled clips: curves by isotonic regression, then errors by maximum likelihood.

The likelihood is that of the labels under the posterior of `model`, with a weak prior on the logarithms of what is learned,
so that few labels do not carry it away. A regression of labels on a signal shrinks to the mean; the opinion must not, as it is
the library's prior that does: so each curve has a stretch, learned beside its misfit.

A fusion is nearer to the labels that it was fitted to than to others, so its interval is as wide as fusions of the other videos
miss by (cross-conformal; Vovk 2015, "Cross-conformal predictors").
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from schemas.fusion import LEAST_MISFIT
from scoring.conformal import conformal_quantile
from scoring.learned_fusion.lesson import Lesson
from scoring.learned_fusion.maps import MonotoneMap, fit_map
from scoring.learned_fusion.model import FusionModel, SignalTable
from scoring.splits import folds_of

Floats = NDArray[np.float64]

LEAST_CLIPS: Final = 30
_INTERVAL: Final = 0.9
_FOLDS: Final = 5
_MOST: Final = 9.0
"""Bound of the logarithms: e**9 times the start is as good as never."""


class _Numbers(NamedTuple):
    """What the likelihood is of: m labelled clips with a signal, k signals."""

    deviation: Floats
    """[k, m] of the curves' points from the mean; 0 where missing."""
    spread: Floats
    """[k, m] variance known of, square points of the curve."""
    there: NDArray[np.bool_]
    label: Floats
    """[m] deviation from the mean."""
    variance: float


def fit_fusion(lesson: Lesson, names: Sequence[str]) -> FusionModel:
    """Learn a fusion of k signals, by their names.

    Raises:
        ValueError: fewer than 30 whole clips, of fewer than two videos, all with the same label, or none with a signal.
    """
    count = int(lesson.whole.sum())
    if count < LEAST_CLIPS or not lesson.teaches:
        message = f"{count} labelled clips: {LEAST_CLIPS} are needed, with signals and with labels that differ"
        raise ValueError(message)
    missed = list(_missed_elsewhere(lesson, names))
    if not missed:
        message = (
            f"{count} labelled clips: at least two videos of them are needed, with labels that differ, so that one is held out"
        )
        raise ValueError(message)
    return replace(fit_without_interval(lesson, names), half_width=conformal_quantile(np.concatenate(missed), _INTERVAL))


def _missed_elsewhere(lesson: Lesson, names: Sequence[str]) -> Iterator[Floats]:
    """Yield by how many standard deviations fusions miss the whole clips of videos that they have not learned from.

    What is missed is the worth, which the interval is about, not the score: that is bounded to the scale.
    """
    fold = folds_of(lesson.video, _FOLDS, seed=0)
    for held_out in range(_FOLDS):
        rest, judged = lesson.take(fold != held_out), lesson.take((fold == held_out) & lesson.whole)
        if len(judged.label) and rest.teaches:
            fused = fit_without_interval(rest, names).fuse(judged.signals)
            yield np.abs(judged.label - fused.worth) / fused.sd


def fit_without_interval(lesson: Lesson, names: Sequence[str]) -> FusionModel:
    """Learn a fusion of any number of clips, whose interval is one standard deviation to each side."""
    signals, label = lesson.signals, lesson.label
    there = ~np.isnan(signals.value)
    mean, variance = float(label.mean()), float(label.var())
    maps = [_curve(signals, label, row, mean) for row in range(len(names))]
    speaks = np.array([np.ptp(curve.points) > 0 for curve in maps])
    some = there[speaks].any(axis=0)
    numbers = _Numbers(
        np.stack([np.nan_to_num(curve(row) - mean) for curve, row in zip(maps, signals.value, strict=True)])[:, some],
        (np.array([curve.slope for curve in maps])[:, None] * signals.spread[:, some]) ** 2,
        there[:, some] & speaks[:, None],
        label[some] - mean,
        variance,
    )
    stretch, misfit, shared = _errors(numbers)
    return FusionModel(
        names=tuple(names),
        maps=tuple(curve.stretched(factor, mean) for curve, factor in zip(maps, stretch, strict=True)),
        misfit=np.where(speaks, np.maximum(misfit, LEAST_MISFIT), np.inf),
        shared=shared,
        mean=mean,
        variance=variance,
        half_width=1.0,
    )


def _curve(signals: SignalTable, label: Floats, row: int, mean: float) -> MonotoneMap:
    """Return a signal's curve; a clip whose value is vague tells less of it."""
    value, spread = signals.value[row], signals.spread[row]
    there = ~np.isnan(value)
    if not there.any():
        return MonotoneMap(np.zeros(1), np.full(1, mean))
    width = value[there].var() or 1.0
    return fit_map(value[there], label[there], 1.0 / (1.0 + spread[there] ** 2 / width))


def _errors(numbers: _Numbers) -> tuple[Floats, Floats, float]:
    """Return stretches, own misfits and the shared variance of the greatest posterior."""
    count = len(numbers.deviation)
    rows = zip(numbers.deviation, numbers.there, strict=True)
    explained = [float(row[there].var()) / numbers.variance if there.any() else 0.0 for row, there in rows]
    reliability = np.clip(explained, 0.02, 0.98)
    start = np.concatenate([-np.log(reliability), np.log(numbers.variance * (1 - reliability) / reliability)])
    start = np.append(start, np.log(0.1 * numbers.variance))
    least = np.log(LEAST_MISFIT)
    bounds = [(at - _MOST, at + _MOST) for at in start[:count]] + [(least, max(at, least) + _MOST) for at in start[count:]]
    found = minimize(_loss, np.maximum(start, [low for low, _ in bounds]), (numbers, start), "L-BFGS-B", True, bounds=bounds)
    values = np.exp(found.x)
    return values[:count], values[count:-1], float(values[-1])


def _loss(logs: Floats, numbers: _Numbers, start: Floats) -> tuple[float, Floats]:
    """Return the negative log posterior and its gradient by the logarithms of stretches, misfits and shared variance."""
    count, variance = len(numbers.deviation), numbers.variance
    stretch, misfit, shared = np.exp(logs[:count])[:, None], np.exp(logs[count:-1])[:, None], np.exp(logs[-1])
    precision = np.where(numbers.there, 1.0 / (misfit + stretch**2 * numbers.spread), 0.0)
    opinion = stretch * numbers.deviation
    total = precision.sum(axis=0)
    pooled = (precision * opinion).sum(axis=0) / total
    error = shared + 1.0 / total
    trust = variance / (variance + error)
    spread = trust * error
    missed = numbers.label - trust * pooled
    loss = 0.5 * float((np.log(spread) + missed**2 / spread).sum() + ((logs - start) ** 2).sum())

    by_missed = missed / spread
    by_error = by_missed * pooled * trust**2 / variance + 0.5 * (1.0 / spread - by_missed**2) * trust**2
    by_pooled = -trust * by_missed
    by_precision = -by_error / total**2 + by_pooled * (opinion - pooled) / total
    by_variance = -(precision**2) * by_precision
    by_stretch = by_pooled * precision / total * numbers.deviation + 2 * stretch * numbers.spread * by_variance
    gradient = [
        (by_stretch * stretch).sum(axis=1),
        (by_variance * misfit).sum(axis=1),
        [float(by_error.sum() * shared)],
    ]
    return loss, np.concatenate(gradient) + logs - start
