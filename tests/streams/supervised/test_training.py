"""From a file of labelled clips to a model release."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch", reason="the extra `training` is not installed")
pytest.importorskip("safetensors", reason="the extra `training` is not installed")

from schemas.errors import ConfigurationError
from scoring.splits import Split, split_of
from scoring.supervised.clips import LabelledClips
from scoring.supervised.config import SupervisedConfig
from streams.supervised.releases import ModelManifest, models
from streams.supervised.training import train_supervised
from tests.scoring.supervised.planted import planted

_CONFIG = SupervisedConfig(hidden=8, latent=2, most_epochs=1)
_CLIPS = planted()
_SIDE = split_of([f"v{video}" for video in range(60)])[_CLIPS.video]


def _file(folder: Path, clips: LabelledClips = _CLIPS) -> Path:
    tags = [
        None if np.isnan(row).any() else [name for name, has in zip("abc", row, strict=True) if has]
        for row in clips.tags.tolist()
    ]
    columns = {
        "video_id": [f"v{video}" for video in clips.video.tolist()],
        "clip_index": np.arange(len(clips)) % 10,
        "visual": pa.FixedSizeListArray.from_arrays(pa.array(np.nan_to_num(clips.features).ravel()), clips.features.shape[1]),
        "score": pa.array(clips.score, from_pandas=True),
        "tags": pa.array(tags, pa.list_(pa.string())),
    }
    pq.write_table(pa.table(columns), folder / "clips.parquet")
    return folder / "clips.parquet"


def _train(folder: Path, clips: LabelledClips = _CLIPS) -> ModelManifest:
    return train_supervised(
        _file(folder, clips), folder / "models", {"group": ("a", "b", "c")}, _CONFIG, 1,
        told=lambda _step: None, epoch=lambda _progress: None,
    )  # fmt: skip


def _weights(folder: Path, clips: LabelledClips = _CLIPS) -> dict[str, bytes]:
    folder.mkdir()
    arrays = models(folder / "models").tensors(_train(folder, clips).release)
    return {name: values.tobytes() for name, values in arrays.items() if name.startswith(("network", "scale"))}


def test_no_weight_is_learned_from_validation_and_test(tmp_path: Path) -> None:
    """So that a fusion may learn on the former how far to trust the model, and be judged by the latter."""
    unseen = np.isin(_SIDE, (Split.VALIDATION, Split.TEST))
    other = replace(_CLIPS, score=np.where(unseen, np.clip(_CLIPS.score + 0.1, 0, 10), _CLIPS.score).astype(np.float32))
    without_test = _CLIPS.take(_SIDE != Split.TEST)
    first = _weights(tmp_path / "first")
    assert first == _weights(tmp_path / "other", other)
    assert first == _weights(tmp_path / "without", without_test)


def test_a_manifest_says_what_was_not_learned_from(tmp_path: Path) -> None:
    """One of before it was noted has learned from the videos of validation."""
    manifest = _train(tmp_path)
    assert manifest.unseen == ("validation", "test")
    assert manifest.counts["validation_clips"] == (_SIDE == Split.VALIDATION).sum() > 0
    before = manifest.model_dump(exclude={"unseen"})
    assert ModelManifest.model_validate(before).unseen == ("test",)


def test_a_task_with_labels_of_one_video_is_named(tmp_path: Path) -> None:
    """With the file, and how many there are."""
    one = _CLIPS.video == _CLIPS.video[_SIDE == Split.TRAIN][0]
    with pytest.raises(ConfigurationError, match=r"clips\.parquet: task 'tags': 1 videos with labels.*at least two"):
        _train(tmp_path, replace(_CLIPS, tags=np.where(one[:, None], np.nan_to_num(_CLIPS.tags), np.float32(np.nan))))


def test_a_model_of_numbers_that_are_not_finite_is_no_release(tmp_path: Path) -> None:
    """Features so large that their distance from the mean is no number any more."""
    features = np.nan_to_num(_CLIPS.features)
    features[:, 0] = np.where(np.arange(len(features)) % 7 == 0, -3.3e38, 3.3e38)
    with pytest.raises(ConfigurationError, match="not finite, so there is no model"):
        _train(tmp_path, replace(_CLIPS, features=features))
    assert models(tmp_path / "models").current is None
    assert models(tmp_path / "models").manifests() == []
