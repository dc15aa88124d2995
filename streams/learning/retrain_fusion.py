"""Learning a fusion: from labelled clips and the workers' newest state to a release that holds, or is refused.

The supervised model and the ranker are signals that were learned themselves, from the videos of training. A fusion learns how far
to trust them on the videos of validation, and the other signals on both; the test, from which nothing has learned, judges.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigurationError
from scoring.fusion import fuse
from scoring.learned_fusion.fit import LEAST_CLIPS, fit_fusion, fit_without_interval
from scoring.learned_fusion.gate import FusionVerdict, judge_fusion
from scoring.learned_fusion.lesson import Lesson, lesson_of
from scoring.learned_fusion.live import LEARNED, SIGNALS, numbers_of, signal_table
from scoring.learned_fusion.model import FusionModel, SignalTable
from scoring.ranker.annotated import annotated_pairs
from scoring.splits import Split, split_of
from streams.learning.dataset import LABEL_DISTANCES
from streams.learning.fusion_releases import FusionManifest, FusionReleases, promote_fusion
from streams.learning.labels import Labels, read_labels
from streams.learning.snapshot import Snapshot, order_of, recover_all, snapshot_of
from streams.settings import Settings
from streams.state import PartitionState
from streams.supervised.releases import models

Floats = NDArray[np.float64]


class Learned(NamedTuple):
    """A fusion, and what the gate says of it."""

    model: FusionModel
    verdict: FusionVerdict
    counts: dict[str, int]
    """Labelled clips learned from, those of them whose signals are all there, and held out, and held-out pairs of them."""


def retrain_fusion(settings: Settings, partitions: int, labels: Path, *, seed: int) -> FusionManifest:
    """Learn a fusion, and let it hold if the gate accepts it; return its manifest.

    Args:
        settings: all settings.
        partitions: of the source.
        labels: a file of clips that annotators have scored.
        seed: of the gate's resampling.

    Raises:
        ConfigurationError: another process is at it, or the labels say too little.
    """
    releases = FusionReleases(settings)
    with releases.lock():
        started = time.monotonic()
        if releases.unfinished:
            promote_fusion(settings, partitions, releases, releases.unfinished)
        states = recover_all(settings, partitions)
        snapshot = snapshot_of(settings, states)
        said = read_labels(labels, snapshot)
        found = learn_fusion(snapshot, *_signals(states), said, _trained_on_validation(settings), seed)
        manifest = FusionManifest(
            release=f"f-{datetime.now(UTC):%Y%m%dT%H%M%S}-{sum(part.lineage.applied_offset + 1 for part in snapshot.parts)}",
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            code_version=version("highlights"),
            seed=seed,
            config={"signals": list(SIGNALS)},
            seconds=round(time.monotonic() - started, 1),
            metrics={name: asdict(compared) for name, compared in found.verdict.baselines.items()},
            files={},
            parent=releases.holds,
            lineage=[part.lineage for part in snapshot.parts],
            ranker_releases=sorted({state.ledger.ranker_release for state in states} - {""}),
            data=said.data,
            counts=found.counts,
            accepted=found.verdict.accepted,
            verdict=found.verdict.reason,
        )
        manifest = releases.write(manifest, numbers_of(found.model))
        if manifest.accepted:
            promote_fusion(settings, partitions, releases, manifest.release)
    return manifest


def learn_fusion(
    snapshot: Snapshot, table: SignalTable, built_in: Floats, said: Labels, older: Collection[str], seed: int
) -> Learned:
    """Learn a fusion from labelled clips, and judge it by those of the videos that nothing has learned from.

    Args:
        snapshot: n clips.
        table: SIGNALS of them.
        built_in: [n] the worth that the built-in fusion gives them.
        said: what annotators said of them.
        older: supervised models that have learned from all videos but those of the test.
        seed: of the gate's resampling.

    Raises:
        ConfigurationError: the labels say too little.
    """
    side = split_of(snapshot.videos)[snapshot.video]
    label, test = said.score.astype(np.float64), side == Split.TEST
    learned = _learned_from(snapshot, side, older)
    lesson = lesson_of(table, label, snapshot.video, learned).take(~np.isnan(label) & ~test)
    _check(lesson, sorted({output.model_version for output in snapshot.outputs.values()} & {*older}))
    model, singles = _fit(lesson, table)
    pairs = annotated_pairs(said.of_split(snapshot, Split.TEST), snapshot.video, LABEL_DISTANCES)
    verdict = judge_fusion(model.fuse(table).worth, built_in, singles, pairs, snapshot.video, seed)
    counts = {
        "learned_clips": len(lesson.label),
        "whole_clips": int(lesson.whole.sum()),
        "held_out_clips": int((~np.isnan(label) & test).sum()),
        "held_out_pairs": len(pairs.preferred),
    }
    return Learned(model, verdict, counts)


def _trained_on_validation(settings: Settings) -> set[str]:
    """Return the supervised models that have learned from the videos of validation, as they did once."""
    releases = models(settings.learning.models_folder(settings.data_dir))
    return {manifest.release for manifest in releases.manifests() if Split.VALIDATION.name.lower() not in manifest.unseen}


def _learned_from(snapshot: Snapshot, side: NDArray[np.uint8], older: Collection[str]) -> NDArray[np.bool_]:
    """Return whether each of SIGNALS was learned from the clip's video, [k, n].

    A ranker, and a supervised model, learn from the videos of training alone.
    """
    by_older = [name in snapshot.outputs and snapshot.outputs[name].model_version in older for name in snapshot.videos]
    training = side == Split.TRAIN
    learned = np.zeros((len(SIGNALS), snapshot.clips), np.bool_)
    learned[[SIGNALS.index(name) for name in LEARNED]] = training
    learned[SIGNALS.index("supervised")] |= (side == Split.VALIDATION) & np.array(by_older, np.bool_)[snapshot.video]
    return learned


def _check(lesson: Lesson, older: Sequence[str]) -> None:
    """Raise an error if too few clips are of videos from which no signal was learned."""
    count = int(lesson.whole.sum())
    if count >= LEAST_CLIPS or lesson.whole.all():
        return
    again = f". {', '.join(older)} has learned from these, too: train a model again, and score with it" if older else ""
    message = (
        f"{count} labelled clips are of videos that neither supervised model nor ranker has learned from and that are not held "
        f"out, and {LEAST_CLIPS} are needed: label clips of more videos, one in ten is such a one by a hash of its id{again}"
    )
    raise ConfigurationError(message)


def _signals(states: list[PartitionState]) -> tuple[SignalTable, Floats]:
    """Return what workers know of a snapshot's clips, as they fuse it, and the worth that the built-in fusion makes of it."""
    parts = []
    for state in states:
        signals = state.statistics.signals(state.statistics.known_clips())
        table = signal_table(signals, state.statistics.prior)
        parts.append((table.value, table.spread, fuse(signals, state.statistics.prior).worth))
    value, spread, worth = (np.concatenate(column, axis=-1)[..., order_of(states)] for column in zip(*parts, strict=True))
    return SignalTable(value, spread), worth


def _fit(lesson: Lesson, table: SignalTable) -> tuple[FusionModel, dict[str, Floats]]:
    """Return the fusion of all signals, and what each that is there says of all clips on its own."""
    try:
        model = fit_fusion(lesson, SIGNALS)
    except ValueError as error:
        message = f"nothing to learn a fusion from: {error}. Label more of the library's clips"
        raise ConfigurationError(message) from error
    there = np.flatnonzero(~np.isnan(lesson.signals.value).all(axis=1)).tolist()
    alone = {row: fit_without_interval(lesson.only([row]), [SIGNALS[row]]) for row in there}
    return model, {SIGNALS[row]: fusion.fuse(table.only([row])).worth for row, fusion in alone.items()}
