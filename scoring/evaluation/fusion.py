"""How much better a learned fusion tells high-quality clips than the best single signal does, in cross-validation by video.

Single signals and the fusion go through the same code: curve, calibration, and a threshold, all of the training folds. The
best single signal is the one that is best on the very clips that it is judged by, which favours the baseline.

Beside them, how much is to be had at all: gradient-boosted trees, which see every interaction of the signals and the two clips
before and after, growing in each signal as the fusion does, but made of hundreds of splits that nobody can read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from schemas.limits import CLIP_SECONDS, MAX_SCORE
from scoring.evaluation.comparison import Estimate, PairedDifference, estimate
from scoring.evaluation.report import Report, ReportRow
from scoring.evaluation.signalled import SignalledClips
from scoring.learned_fusion.fit import fit_fusion
from scoring.learned_fusion.lesson import lesson_of
from scoring.learned_fusion.model import SignalTable
from scoring.splits import folds_of

Floats = NDArray[np.float64]

HIGH_QUALITY: Final = MAX_SCORE / 2
"""A clip is of high quality if people's mean label is at least the middle of the scale."""
FUSED: Final = "fused"
TREES: Final = "boosted trees, with neighbours"
LENGTHS_S: Final = (2, CLIP_SECONDS)
"""Clips' lengths that are judged."""
_FOLDS: Final = 5
_NEIGHBOURS: Final = 2
_RESAMPLES: Final = 4_000


class Judged(NamedTuple):
    """What cross-validation says of one method, [seeds, n] each."""

    right: NDArray[np.bool_]
    """Whether the clip is told to be of high quality if and only if it is."""
    covered: NDArray[np.bool_] | None
    """Whether the 90 % interval holds the label; None where there is none."""
    auc: Floats
    """[seeds] area under the curve of sensitivity over all clips."""


def find(clips: SignalledClips, seeds: int, told: Callable[[str], None] = lambda _step: None) -> dict[str, Judged]:
    """Return what cross-validation says of each single signal and of their fusion, by the distances from each list's best."""
    clips = clips.below_the_best()
    methods = {name: [row] for row, name in enumerate(clips.signals)} | {FUSED: list(range(len(clips.signals)))}
    judged = {}
    for name, rows in methods.items():
        told(f"{clips.name}, {clips.seconds} s, {name}")
        judged[name] = _stacked([_cross_validated(clips, rows, seed) for seed in range(seeds)])
    told(f"{clips.name}, {clips.seconds} s, {TREES}")
    return judged | {TREES: _stacked([_boosted(clips.with_neighbours(_NEIGHBOURS), seed) for seed in range(seeds)])}


def report_of(found: Sequence[tuple[SignalledClips, dict[str, Judged]]], seeds: int) -> Report:
    """Return the report: the fusion and each signal beside the best single signal."""
    rows = [row for clips, judged in found for row in _rows_of(clips, judged)]
    shares = ", ".join(f"{100 * float((clips.label >= HIGH_QUALITY).mean()):.1f} % of {len(clips.label):,}" for clips, _ in found)
    notes = (
        f"accuracy: share of clips that are rightly told to be of high quality ({HIGH_QUALITY:g} and more on 0-10) or not.",
        f"{_FOLDS} folds by video. better than: the single signal that is best on these very clips; the interval of the",
        "difference is over videos, which are resampled, since seeds only shuffle folds of the same ones.",
        f"of high quality: {shares} clips.",
    )
    return Report("A fusion learned from labelled clips", seeds, notes, tuple(rows))


def _rows_of(clips: SignalledClips, judged: dict[str, Judged]) -> Iterator[ReportRow]:
    best = max((name for name in judged if name not in (FUSED, TREES)), key=lambda name: float(judged[name].right.mean()))
    setting = f"{clips.name}, clips of {clips.seconds} s"
    for name, of in judged.items():
        accuracy = ReportRow(setting, name, "accuracy, %", _over_seeds(100 * of.right.mean(axis=1)))
        better = _better_by(of, judged[best], clips.video)
        yield accuracy if name == best else replace(accuracy, baseline=best, advantage=better)
        yield ReportRow(setting, name, "area under the curve", _over_seeds(of.auc))
        if of.covered is not None:
            yield ReportRow(setting, name, "coverage of 90 %", _over_seeds(of.covered.mean(axis=1)))


def _over_seeds(values: Floats) -> Estimate:
    value = estimate(values)
    assert value
    return value


def _better_by(one: Judged, other: Judged, video: NDArray[np.int64]) -> PairedDifference:
    """Return the difference of two accuracies in points, with the interval of a bootstrap over videos (Efron's percentiles)."""
    gain = 100 * (one.right.astype(np.float64) - other.right)
    videos, member = np.unique(video, return_inverse=True)
    sums, sizes = np.bincount(member, gain.mean(axis=0)), np.bincount(member)
    drawn = np.random.default_rng(0).integers(len(videos), size=(_RESAMPLES, len(videos)))
    low, high = np.percentile(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), (2.5, 97.5))
    by_seed = gain.mean(axis=1)
    return PairedDifference(Estimate(float(by_seed.mean()), float(low), float(high)), int((by_seed > 0).sum()), len(by_seed))


def _stacked(judged: list[Judged]) -> Judged:
    covered = [of.covered for of in judged if of.covered is not None]
    return Judged(
        np.stack([of.right for of in judged]), np.stack(covered) if covered else None, np.stack([of.auc for of in judged])
    )


def _cross_validated(clips: SignalledClips, rows: list[int], seed: int) -> Judged:
    signals = SignalTable(clips.value[rows], np.zeros((len(rows), len(clips.label))))
    lesson = lesson_of(signals, clips.label, clips.video)
    good, side = clips.label >= HIGH_QUALITY, folds_of(clips.video, _FOLDS, seed)
    right, covered, worth = np.zeros_like(good), np.zeros_like(good), np.zeros(len(good))
    for fold in range(_FOLDS):
        train, test = side != fold, side == fold
        model = fit_fusion(lesson.take(train), [clips.signals[row] for row in rows])
        threshold = best_threshold(model.fuse(signals.take(train)).worth, good[train])
        fused = model.fuse(signals.take(test))
        worth[test] = fused.worth
        right[test] = (fused.worth >= threshold) == good[test]
        covered[test] = (fused.low <= clips.label[test]) & (clips.label[test] <= fused.high)
    return Judged(right, covered, np.array(area_under_curve(worth, good)))


def _boosted(clips: SignalledClips, seed: int) -> Judged:
    """Return what boosted trees tell; their settings are usual ones and were not tuned."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    good, side = clips.label >= HIGH_QUALITY, folds_of(clips.video, _FOLDS, seed)
    chance = np.zeros(len(good))
    for fold in range(_FOLDS):
        train, test = side != fold, side == fold
        trees = HistGradientBoostingClassifier(
            max_iter=60, learning_rate=0.08, max_leaf_nodes=12, min_samples_leaf=100,
            monotonic_cst=np.ones(len(clips.signals), np.int8), random_state=seed,
        )  # fmt: skip
        chance[test] = trees.fit(clips.value[:, train].T, good[train]).predict_proba(clips.value[:, test].T)[:, 1]
    return Judged((chance >= 1 / 2) == good, None, np.array(area_under_curve(chance, good)))


def best_threshold(worth: Floats, good: NDArray[np.bool_]) -> float:
    """Return the worth from which on clips are best told to be good."""
    order = np.argsort(-worth, kind="stable")
    gain = np.cumsum(np.where(good[order], 1, -1))
    last = np.flatnonzero(np.diff(worth[order], append=-np.inf))
    return float(worth[order][last[gain[last].argmax()]])


def area_under_curve(worth: Floats, good: NDArray[np.bool_]) -> float:
    """Return the probability that a good clip has more worth than another, ties half (Mann and Whitney 1947)."""
    count = int(good.sum())
    return float((rankdata(worth)[good].sum() - count * (count + 1) / 2) / (count * (len(good) - count)))
