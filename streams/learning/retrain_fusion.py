"""Learning a fusion: from labelled clips and the workers' newest state to a release that holds, or is refused."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigurationError
from scoring.fusion import fuse
from scoring.learned_fusion.fit import fit_fusion
from scoring.learned_fusion.gate import judge_fusion
from scoring.learned_fusion.live import SIGNALS, numbers_of, signal_table
from scoring.learned_fusion.model import FusionModel, SignalTable
from scoring.ranker.annotated import annotated_pairs
from scoring.splits import Split, split_of
from streams.learning.dataset import LABEL_DISTANCES
from streams.learning.fusion_releases import FusionManifest, FusionReleases, promote_fusion
from streams.learning.labels import read_labels
from streams.learning.snapshot import order_of, recover_all, snapshot_of
from streams.settings import Settings
from streams.state import PartitionState

Floats = NDArray[np.float64]


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
        table, built_in = _signals(states)
        learned = split_of(snapshot.videos)[snapshot.video] == Split.TRAIN
        train, held_out = (np.flatnonzero(~np.isnan(said.score) & side) for side in (learned, ~learned))
        label = said.score.astype(np.float64)
        model, singles = _fit(table, label, train)
        pairs = annotated_pairs(np.where(learned, np.float32(np.nan), said.score), snapshot.video, LABEL_DISTANCES)
        verdict = judge_fusion(model.fuse(table).worth, built_in, singles, pairs, snapshot.video, seed)
        manifest = FusionManifest(
            release=f"f-{datetime.now(UTC):%Y%m%dT%H%M%S}-{sum(part.lineage.applied_offset + 1 for part in snapshot.parts)}",
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            code_version=version("highlights"),
            seed=seed,
            config={"signals": list(SIGNALS)},
            seconds=round(time.monotonic() - started, 1),
            metrics={name: asdict(found) for name, found in verdict.baselines.items()},
            files={},
            parent=releases.holds,
            lineage=[part.lineage for part in snapshot.parts],
            ranker_releases=sorted({state.ledger.ranker_release for state in states} - {""}),
            data=said.data,
            counts={"learned_clips": len(train), "held_out_clips": len(held_out), "held_out_pairs": len(pairs.preferred)},
            accepted=verdict.accepted,
            verdict=verdict.reason,
        )
        manifest = releases.write(manifest, numbers_of(model))
        if manifest.accepted:
            promote_fusion(settings, partitions, releases, manifest.release)
    return manifest


def _signals(states: list[PartitionState]) -> tuple[SignalTable, Floats]:
    """Return what workers know of a snapshot's clips, as they fuse it, and the worth that the built-in fusion makes of it."""
    parts = []
    for state in states:
        signals = state.statistics.signals(state.statistics.known_clips())
        table = signal_table(signals, state.statistics.prior)
        parts.append((table.value, table.spread, fuse(signals, state.statistics.prior).worth))
    value, spread, worth = (np.concatenate(column, axis=-1)[..., order_of(states)] for column in zip(*parts, strict=True))
    return SignalTable(value, spread), worth


def _fit(table: SignalTable, label: Floats, train: NDArray[np.int64]) -> tuple[FusionModel, dict[str, Floats]]:
    """Return the fusion of all signals, and what each that is there says of all clips on its own."""
    learned = table.take(train)
    try:
        model = fit_fusion(learned, label[train], SIGNALS)
    except ValueError as error:
        message = f"nothing to learn a fusion from: {error}"
        raise ConfigurationError(message) from error
    there = np.flatnonzero(~np.isnan(learned.value).all(axis=1)).tolist()
    alone = {SIGNALS[row]: fit_fusion(learned.only([row]), label[train], [SIGNALS[row]]) for row in there}
    return model, {SIGNALS[row]: alone[SIGNALS[row]].fuse(table.only([row])).worth for row in there}
