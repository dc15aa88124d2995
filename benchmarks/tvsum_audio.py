"""A weak supervised model: ridge regression from TVSum's audio features to the mean annotation of a clip, on 0-10."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from schemas.limits import CLIP_SECONDS, MAX_SCORE

Floats = NDArray[np.float64]

_FOLDER: Final = "tvsum"
_FEATURES: Final = "audio_annotations_every15.npz"
_PENALTIES: Final[Floats] = np.logspace(0, 6, 7)
_FOLDS: Final = 5


class AudioSplit(NamedTuple):
    """What the model of one split says of its test videos."""

    test: list[int]
    """Places of the videos."""
    mean: list[Floats]
    """Per test video, [clips] on 0-10."""
    sd: float
    """Of what the model missed on training videos that it had not seen."""


def audio_splits(data: Path, length_ms: Sequence[int], ratings: Sequence[Floats]) -> list[AudioSplit]:
    """Train on the training videos of each usual split, and say what the models say of the test videos.

    Args:
        data: the folder that holds `tvsum/`.
        length_ms: of each of the V videos.
        ratings: per video, [clips] the mean annotation on 0-10.
    """
    with np.load(data / _FOLDER / _FEATURES) as file:
        features = [_by_clip(file[f"video_{video + 1}/audio384"], length) for video, length in enumerate(length_ms)]
    splits = orjson.loads((data / _FOLDER / "splits.json").read_bytes())
    return [_split(features, ratings, _places(split["train_keys"]), _places(split["test_keys"])) for split in splits]


def _places(keys: Sequence[str]) -> list[int]:
    return [int(key.removeprefix("video_")) - 1 for key in keys]


def _by_clip(steps: NDArray[np.float16], length_ms: int) -> Floats:
    """Return the mean of the steps, which lie evenly over the video, of each clip: [clips, features]."""
    clip_ms = CLIP_SECONDS * 1000
    first = -(-np.arange(-(-length_ms // clip_ms)) * clip_ms * len(steps) // length_ms)
    first = np.minimum(first, len(steps) - 1)
    means: Floats = np.add.reduceat(steps.astype(np.float64), first) / np.diff(first, append=len(steps))[:, None]
    return means


def _split(features: Sequence[Floats], ratings: Sequence[Floats], train: list[int], test: list[int]) -> AudioSplit:
    folds = [train[fold::_FOLDS] for fold in range(_FOLDS)]
    missed = []
    for fold in folds:
        rest = [video for video in train if video not in fold]
        truth = np.concatenate([ratings[video] for video in fold])
        missed.append(_ridge(features, ratings, rest, fold, _PENALTIES) - truth[:, None])
    error = np.sqrt((np.concatenate(missed) ** 2).mean(axis=0))
    best = int(error.argmin())
    said = _ridge(features, ratings, train, test, _PENALTIES[best : best + 1])[:, 0]
    edges = np.cumsum([len(ratings[video]) for video in test])[:-1]
    return AudioSplit(test, np.split(np.clip(said, 0.0, MAX_SCORE), edges), float(error[best]))


def _ridge(features: Sequence[Floats], ratings: Sequence[Floats], train: list[int], test: list[int], penalties: Floats) -> Floats:
    """Return what ridge regression on standardised features says, [clips of test, penalties]."""
    known, truth = (np.concatenate([values[video] for video in train]) for values in (features, ratings))
    center, scale = known.mean(axis=0), known.std(axis=0) + 1e-9
    standard = (known - center) / scale
    strength, basis = np.linalg.eigh(standard.T @ standard)
    told = basis.T @ (standard.T @ (truth - truth.mean()))
    weights = basis @ (told[:, None] / (np.maximum(strength, 0.0)[:, None] + penalties))
    unknown = (np.concatenate([features[video] for video in test]) - center) / scale
    answer: Floats = truth.mean() + unknown @ weights
    return answer
