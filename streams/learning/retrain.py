"""Retraining: from the workers' newest state to a release that holds, or is refused with the reason."""

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from schemas.errors import ConfigurationError
from schemas.interactions import PLAY
from schemas.limits import MAX_SCORE
from scoring.fusion import behaviour_opinion
from scoring.pairs.build import Pairs
from scoring.ranker.annotated import annotated_pairs
from scoring.ranker.calibrate import Scale, scale_by
from scoring.ranker.dataset import Library, RankedPairs, RankingDataset
from scoring.ranker.gate import Verdict, compare, judge
from scoring.ranker.trained import TrainedRanker
from scoring.ranker.training import Progress, RankerConfig, TooFewPairsError, train
from scoring.rates import fit_prior
from scoring.splits import Split, split_of
from streams.learning.dataset import LABEL_DISTANCES, labelled_pairs, library_of, ranked_pairs
from streams.learning.labels import Labels, read_labels
from streams.learning.promote import finish, promote
from streams.learning.ranker_topic import SCORE_COLUMNS
from streams.learning.releases import Manifest, Releases
from streams.learning.snapshot import Snapshot, feature_columns, take_snapshot
from streams.learning.viewing import Viewing, viewing
from streams.learning.weak_pairs import RULE_VERSION, pairs_of, publish_pairs
from streams.settings import Settings

_LEAST_EXPOSURES: Final = 5
_CONFIG: Final = RankerConfig()


def retrain(
    settings: Settings,
    client: Client,
    partitions: int,
    *,
    seed: int,
    labels: Path | None = None,
    told: Callable[[str], None] = lambda _step: None,
    epoch: Callable[[Progress], None] = lambda _progress: None,
) -> Manifest:
    """Build pairs, train a ranker, and let it hold if the gate accepts it; return its manifest.

    Args:
        settings: all settings.
        client: of ClickHouse, which takes the pairs.
        partitions: of the source.
        seed: of everything that is drawn.
        labels: a file of clips that annotators have scored, learned from together with the pairs.
        told: is called with what is done next.
        epoch: is called after every epoch of the training.

    Raises:
        ConfigurationError: another process is at it, there are too few pairs to learn from, or the labels say nothing.
    """
    releases = Releases(settings.learning.folder(settings.data_dir))
    with releases.lock():
        started = time.monotonic()
        finish(settings, partitions, releases)
        inputs = _gather(settings, client, partitions, seed, labels, told)
        told("training")
        epochs: list[Progress] = []

        def note(progress: Progress) -> None:
            epochs.append(progress)
            epoch(progress)

        ranker = _train(inputs, seed, note)
        told("judging by held-out videos")
        scores, parent = ranker.score(inputs.library), releases.current
        current = _scores_of(releases, parent, inputs, seed) if parent else None
        judged = (compare(scores.mean, current, pairs, inputs.snapshot.video, seed) for pairs in inputs.held_out())
        verdict = judge(*judged)
        table, scales = score_table(inputs, scores.mean)
        manifest = _manifest(inputs, verdict, scales, parent, seed, len(epochs), time.monotonic() - started)
        manifest = releases.write(manifest, ranker.tensors(), table)
        if manifest.accepted:
            told("sending the scores to the workers")
            promote(settings, partitions, releases, manifest.release)
    return manifest


class _Inputs(NamedTuple):
    """What a ranker is made from."""

    snapshot: Snapshot
    pairs: Pairs
    seen: Viewing
    columns: list[str]
    library: Library
    labels: Labels | None

    def pairs_of(self, split: Split) -> RankedPairs:
        return ranked_pairs(self.snapshot, self.pairs, split)

    def held_out(self) -> tuple[RankedPairs, RankedPairs]:
        """Return what the gate judges by: pairs of viewers, and of clips labelled by annotators, or else by models."""
        if self.labels:
            labelled = annotated_pairs(self.labels.of_split(self.snapshot, Split.TEST), self.snapshot.video, LABEL_DISTANCES)
        else:
            labelled = labelled_pairs(self.snapshot, self.library, self.columns, Split.TEST)
        return self.pairs_of(Split.TEST), labelled


def _gather(
    settings: Settings, client: Client, partitions: int, seed: int, file: Path | None, told: Callable[[str], None]
) -> _Inputs:
    told("reading the workers' state")
    snapshot = take_snapshot(settings, partitions)
    labels = read_labels(file, snapshot) if file else None
    told("building weak pairs")
    pairs = pairs_of(snapshot)
    publish_pairs(settings, client, snapshot, pairs)
    told("reading who watched what")
    seen = viewing(settings, snapshot, settings.learning.newest_interactions)
    told("building the graph of similar clips")
    columns = feature_columns(snapshot)
    return _Inputs(snapshot, pairs, seen, columns, library_of(snapshot, seen, columns, seed), labels)


def _train(inputs: _Inputs, seed: int, progress: Callable[[Progress], None]) -> TrainedRanker:
    labels = inputs.labels.of_split(inputs.snapshot, Split.TRAIN) if inputs.labels else None
    dataset = RankingDataset(inputs.library, inputs.pairs_of(Split.TRAIN), labels)
    try:
        return train(dataset, _CONFIG, seed, progress)
    except TooFewPairsError as error:
        message = f"nothing to learn from yet: {error}"
        raise ConfigurationError(message) from error


def score_table(inputs: _Inputs, worth: NDArray[np.float32]) -> tuple[pa.Table, dict[str, Scale | None]]:
    """Return a ranker's scores on 0-10, SCORE_COLUMNS, and the scales of clips that models have seen and of the others.

    Clips of a group that has no scale are not in the table: of them the ranker is silent.
    """
    snapshot, seen = inputs.snapshot, ~np.isnan(inputs.library.features).any(axis=1)
    prior = fit_prior(snapshot.counts, snapshot.clip_index, 0)
    opinion, precision = behaviour_opinion(snapshot.counts.astype(np.float64), snapshot.clip_index, prior)
    held_out = (split_of(snapshot.videos)[snapshot.video] != Split.TRAIN) & (snapshot.counts[PLAY] >= _LEAST_EXPOSURES)
    mean, sd = np.full(snapshot.clips, np.nan, np.float32), np.full(snapshot.clips, np.nan, np.float32)
    scales = {}
    for name, group in (("seen", seen), ("unseen", ~seen)):
        by = group & held_out
        scale = scales[name] = scale_by(worth[by].astype(np.float64), opinion[by], precision[by], snapshot.video[by])
        if scale:
            mean[group], sd[group] = np.clip(scale.offset + scale.slope * worth[group], 0.0, MAX_SCORE), scale.sd
    names = pa.array(snapshot.videos, pa.string()).take(pa.array(snapshot.video))
    table = pa.table([names, snapshot.clip_index.astype(np.uint32), mean, sd], schema=SCORE_COLUMNS)
    return table.filter(pa.array(~np.isnan(mean))), scales


def _scores_of(releases: Releases, release: str, inputs: _Inputs, seed: int) -> NDArray[np.float32]:
    """Return what the release that holds now says of the library as it is now."""
    ranker = TrainedRanker.of_tensors(releases.tensors(release))
    library = library_of(inputs.snapshot, inputs.seen, releases.manifest(release).columns, seed)
    return ranker.score(library).mean


def _manifest(
    inputs: _Inputs, verdict: Verdict, scales: dict[str, Scale | None], parent: str | None, seed: int, epochs: int, seconds: float
) -> Manifest:
    snapshot = inputs.snapshot
    return Manifest(
        release=_name(snapshot),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        code_version=version("highlights"),
        parent=parent,
        seed=seed,
        config=asdict(_CONFIG),
        columns=inputs.columns,
        built_for_ms=snapshot.newest_ms,
        lineage=[part.lineage for part in snapshot.parts],
        data=inputs.labels.data if inputs.labels else {},
        rule_version=RULE_VERSION,
        counts={
            "clips": snapshot.clips,
            "videos": len(snapshot.videos),
            "pairs": len(inputs.pairs.preferred),
            "learned_pairs": len(inputs.pairs_of(Split.TRAIN).preferred),
            "edges": int(inputs.library.graph.nnz) if inputs.library.graph is not None else 0,
            "epochs": epochs,
            "labelled_clips": int((~np.isnan(inputs.labels.score)).sum()) if inputs.labels else 0,
        },
        seconds=round(seconds, 1),
        accepted=verdict.accepted,
        verdict=verdict.reason,
        metrics={
            "viewers": asdict(verdict.viewers),
            "labels": asdict(verdict.labels),
            "scales": {name: scale._asdict() if scale else None for name, scale in scales.items()},
        },
        files={},
    )


def _name(snapshot: Snapshot) -> str:
    """Return a name that tells when it was made and up to which interactions."""
    applied = sum(part.lineage.applied_offset + 1 for part in snapshot.parts)
    return f"r-{datetime.now(UTC):%Y%m%dT%H%M%S}-{applied}"
