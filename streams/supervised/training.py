"""From a file of labelled clips to a model release."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigurationError
from scoring.evaluation.supervised import metrics_of
from scoring.splits import Split, split_of
from scoring.supervised.clips import LabelledClips
from scoring.supervised.config import SupervisedConfig
from scoring.supervised.model import SupervisedModel
from scoring.supervised.training import Progress, train, with_cross_fitted_reliability
from streams.release_folder import MODEL, save_tensors
from streams.supervised.feature_file import ClipRows, read_rows
from streams.supervised.releases import ModelManifest, models

_CROSS_FITTED_UP_TO: Final = 1_000
"""Videos; of more, those that are held out say enough of how far a model can be trusted."""
_UNSEEN: Final = (Split.VALIDATION, Split.TEST)
"""Videos that no weight is learned from."""


def train_supervised(
    path: Path,
    folder: Path,
    vocabulary: Mapping[str, tuple[str, ...]],
    config: SupervisedConfig,
    seed: int,
    *,
    told: Callable[[str], None],
    epoch: Callable[[Progress], None],
) -> ModelManifest:
    """Train a model on a file, measure it on the tenth of the videos that it has not seen, and let it hold.

    No weight is learned from another tenth, the videos of validation: they say when to stop, and `highlights retrain --fusion`
    learns from them how far the model is to be trusted.

    Args:
        path: of the file, see `schemas.features`.
        folder: of the releases.
        vocabulary: the tags that there are, by group.
        config: how.
        seed: of everything that is drawn.
        told: is called with what is done next.
        epoch: is called after every epoch.

    Raises:
        ConfigurationError: the file cannot be read or has too little in it, or another process makes a model.
    """
    started, releases = time.monotonic(), models(folder)
    with releases.lock():
        told("reading")
        videos, clips = labelled_clips(read_rows(path), vocabulary)
        side = split_of(videos)[clips.video]
        test = side == Split.TEST
        try:
            model = _train(clips.take(~test), side[~test] == Split.VALIDATION, config, seed, told, epoch)
        except ValueError as error:
            message = f"{path}: {error}"
            raise ConfigurationError(message) from error
        manifest = ModelManifest(
            release=f"m-{datetime.now(UTC):%Y%m%dT%H%M%S}-{seed}",
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            code_version=version("highlights"),
            seed=seed,
            config=asdict(config),
            seconds=round(time.monotonic() - started, 1),
            metrics=_metrics(model, clips.take(test)) | {"held_out_quality": round(model.quality, 4)},
            files={},
            model=model.description(),
            data={path.name: sha256(path.read_bytes()).hexdigest()},
            vocabulary=dict(vocabulary),
            counts=_counts(clips, side),
            unseen=tuple(unseen.name.lower() for unseen in _UNSEEN),
        )
        manifest = releases.write_files(manifest, {MODEL: save_tensors(model.tensors())})
        releases.set_current(manifest.release)
    return manifest


def labelled_clips(parts: Iterator[ClipRows], vocabulary: Mapping[str, tuple[str, ...]]) -> tuple[list[str], LabelledClips]:
    """Return the videos of a file and its clips.

    Raises:
        ConfigurationError: a tag is not in the vocabulary, or there are no features.
    """
    rows = list(parts)
    groups = {name: values.shape[1] for name, values in rows[0].groups.items()} if rows else {}
    if not groups:
        message = (
            "the file has no features: give each group of them (visual, audio, text, ...) a column that is a list of numbers"
        )
        raise ConfigurationError(message)
    names = tuple(tag for of_group in vocabulary.values() for tag in of_group)
    videos, video = np.unique([name for part in rows for name in part.video_id], return_inverse=True)
    clips = LabelledClips(
        np.concatenate([feature_matrix(part) for part in rows]),
        groups,
        np.concatenate([part.score for part in rows]),
        np.concatenate([part.score_sd for part in rows]),
        np.concatenate([_tag_matrix(part, names) for part in rows]),
        names,
        video.astype(np.int64),
    )
    return videos.tolist(), clips


def feature_matrix(rows: ClipRows) -> NDArray[np.float32]:
    """Return all groups side by side, [n, d]."""
    return np.hstack(list(rows.groups.values()))


def _tag_matrix(rows: ClipRows, names: tuple[str, ...]) -> NDArray[np.float32]:
    places = {name: place for place, name in enumerate(names)}
    matrix = np.full((len(rows.tags), len(names)), np.nan, np.float32)
    for row, tags in enumerate(rows.tags):
        if tags is None:
            continue
        matrix[row] = 0
        for tag in tags:
            if tag not in places:
                message = (
                    f"clip {rows.video_id[row]}:{rows.clip_index[row]} has the tag {tag!r}, which the vocabulary does not name: "
                    "add it to a group of a file of your own, and give that with --vocabulary"
                )
                raise ConfigurationError(message)
            matrix[row, places[tag]] = 1
    return matrix


def _train(
    clips: LabelledClips,
    held_out: NDArray[np.bool_],
    config: SupervisedConfig,
    seed: int,
    told: Callable[[str], None],
    epoch: Callable[[Progress], None],
) -> SupervisedModel:
    told("training")
    model = train(clips, config, seed, epoch, held_out)
    if len(np.unique(clips.video)) > _CROSS_FITTED_UP_TO:
        return model
    told("measuring how far it can be trusted")
    return with_cross_fitted_reliability(model, config, clips, seed)


def _metrics(model: SupervisedModel, test: LabelledClips) -> dict[str, float]:
    found = metrics_of([model], test) if len(test) else {}
    return {name: round(value, 4) for name, value in found.items() if not np.isnan(value)}


def _counts(clips: LabelledClips, side: NDArray[np.uint8]) -> dict[str, int]:
    return {
        "clips": len(clips),
        "videos": len(np.unique(clips.video)),
        "scored_clips": int(clips.scored.sum()),
        "tagged_clips": int(clips.tagged.sum()),
        "validation_clips": int((side == Split.VALIDATION).sum()),
        "test_clips": int((side == Split.TEST).sum()),
    }
