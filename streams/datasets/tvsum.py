"""TVSum: its annotators as viewers with an opinion on each clip, and the audio of the videos as features."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.limits import CLIP_SECONDS
from scoring.evaluation.opinions import ViewerOpinions
from streams.replay.tvsum import ANNOTATORS, CELL_MS, read_tvsum

_AUDIO: Final = Path("tvsum") / "audio_annotations_every15.npz"
_CELLS_OF_A_CLIP: Final = CLIP_SECONDS * 1000 // CELL_MS


def read_tvsum_opinions(data: Path) -> ViewerOpinions:
    """Read TVSum's annotations, and its audio features where they are there.

    The annotators of different videos are different people; those of the same number are taken for one viewer, so that a
    share of the viewers is that share of each video's.

    Raises:
        ConfigurationError: h5py or the annotations are missing, or they are not TVSum's.
    """
    videos = read_tvsum(data)
    opinions = [
        _by_clip(video.scores, _CELLS_OF_A_CLIP * np.arange(-(-video.scores.shape[1] // _CELLS_OF_A_CLIP))) for video in videos
    ]
    lengths = [opinion.shape[1] for opinion in opinions]
    clips = sum(lengths)
    return ViewerOpinions(
        name="TVSum",
        viewer=np.repeat(np.arange(ANNOTATORS), clips),
        clip=np.tile(np.arange(clips), ANNOTATORS),
        opinion=np.hstack(opinions).ravel(),
        features=_audio(data / _AUDIO, lengths),
        ranked_with=np.repeat(np.arange(len(videos)), lengths),
        chosen=False,
    )


def _by_clip(values: NDArray[np.float64], first: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the means of the columns from each first one to the next."""
    means: NDArray[np.float64] = np.add.reduceat(values, first, axis=1) / np.diff(first, append=values.shape[1])
    return means


def _audio(path: Path, clips: list[int]) -> NDArray[np.float32]:
    """Return the mean features of each clip, [clips, features]; the steps of a video lie evenly over it."""
    if not path.is_file():
        return np.empty((sum(clips), 0), np.float32)
    parts = []
    with np.load(path) as file:
        for video, count in enumerate(clips, 1):
            steps = file[f"video_{video}/audio384"].astype(np.float64)
            parts.append(_by_clip(steps.T, np.arange(count) * len(steps) // count).T)
    return np.concatenate(parts).astype(np.float32)
