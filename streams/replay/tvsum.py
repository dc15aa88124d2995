"""`--source tvsum`: the annotators of TVSum as viewers, each by their own score curve.

TVSum: Song, Vallmitjana, Stent, Jaimes, "TVSum: Summarizing web videos using titles", CVPR 2015. The annotations are given
per frame; every shot of 2 s has one score, so a curve has a cell for each 2 s.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigurationError
from scoring.simulation.curves import CurveViewers, ScoreCurve, simulate_curves
from streams.replay.source import ReplayBatch, replay_batch

ANNOTATORS = 20
CELL_MS = 2_000

_FILE = Path("tvsum") / "ydata-tvsum50.mat"


@dataclass(frozen=True)
class TvsumVideo:
    """One video and what its annotators think of it."""

    video_id: str
    category: str
    length_ms: int
    scores: NDArray[np.float64]
    """[ANNOTATORS, cells], mean score (1-5) in each CELL_MS."""


def read_tvsum(data: Path) -> tuple[TvsumVideo, ...]:
    """Read `tvsum/ydata-tvsum50.mat` (MATLAB 7.3, which is HDF5) below the folder `data`.

    Raises:
        ConfigurationError: h5py or the file is missing, or the file is not TVSum's.
    """
    try:
        import h5py
    except ImportError as error:
        message = "--source tvsum needs h5py: install the extra `data`, pip install 'highlights[data]'"
        raise ConfigurationError(message) from error
    path = data / _FILE
    if not path.is_file():
        message = f"--data {data}: there is no {path}; give the folder that holds {_FILE}"
        raise ConfigurationError(message)
    try:
        with h5py.File(path) as file:
            table = file["tvsum50"]
            return tuple(_read_video(file, table, row) for row in range(len(table["video"])))
    except (OSError, KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        message = f"{path} is not the TVSum file ydata-tvsum50.mat ({error}): fetch it again from TVSum's authors"
        raise ConfigurationError(message) from error


def _read_video(file: Any, table: Any, row: int) -> TvsumVideo:
    def cell(name: str) -> NDArray[Any]:
        value: NDArray[Any] = file[table[name][row, 0]][()]
        return value

    length_ms = round(float(cell("length").item()) * 1000)
    frames = cell("user_anno")
    if frames.ndim != 2 or len(frames) != ANNOTATORS or not 1 <= length_ms <= frames.shape[1] * CELL_MS:
        message = f"video {row} of {length_ms} ms has user_anno of shape {frames.shape}, expected ({ANNOTATORS}, frames)"
        raise ValueError(message)
    return TvsumVideo(
        video_id=_text(cell("video")),
        category=_text(cell("category")),
        length_ms=length_ms,
        scores=_by_cell(frames, length_ms),
    )


def _text(codes: NDArray[Any]) -> str:
    return "".join(map(chr, codes.ravel().tolist()))


def _by_cell(frames: NDArray[np.float64], length_ms: int) -> NDArray[np.float64]:
    """Return the mean over the frames of each cell, [ANNOTATORS, cells]."""
    cells = -(-length_ms // CELL_MS)
    first = np.arange(cells) * CELL_MS * frames.shape[1] // length_ms
    means: NDArray[np.float64] = np.add.reduceat(frames, first, axis=1) / np.diff(first, append=frames.shape[1])
    return means


class TvsumSource:
    """TVSum's annotators as viewers. The same arguments give the same messages, byte for byte.

    Args:
        data: the folder that holds `tvsum/`.
        seed: of behaviour.
        start_ms: Unix ms of the first sessions.
        duration_ms: the sessions begin within this time; each is watched to its end.
        viewers: which annotators of each video watch, from 0 to 19; all where None.
        extra_viewers_per_annotator: viewers drawn around each of them.
        batch_size: messages in a batch.

    Raises:
        ConfigurationError: the file cannot be read, there is no such annotator, or a number is out of range.
    """

    def __init__(
        self,
        data: Path,
        *,
        seed: int,
        start_ms: int,
        duration_ms: int = 3_600_000,
        viewers: Sequence[int] | None = None,
        extra_viewers_per_annotator: int = 0,
        batch_size: int = 50_000,
    ) -> None:
        chosen = tuple(range(ANNOTATORS)) if viewers is None else tuple(viewers)
        unknown = [viewer for viewer in chosen if not 0 <= viewer < ANNOTATORS]
        if unknown or not chosen:
            message = f"viewers = {list(chosen)}: give annotators from 0 to {ANNOTATORS - 1}"
            raise ConfigurationError(message)
        self.videos = read_tvsum(data)
        curves = [
            ScoreCurve(place, video.length_ms, video.scores[viewer])
            for place, video in enumerate(self.videos)
            for viewer in chosen
        ]
        self._viewers = CurveViewers(curves, CELL_MS, extra_viewers_per_annotator)
        self._seed = np.random.SeedSequence(seed)
        self._start_ms = start_ms
        self._duration_ms = duration_ms
        self._batch_size = batch_size

    @property
    def expected_events(self) -> int | None:
        """Unknown before the sessions have been made."""
        return None

    def batches(self) -> Iterator[ReplayBatch]:
        """Yield the events in order of arrival."""
        video_ids = tuple(video.video_id for video in self.videos)
        for batch in simulate_curves(self._viewers, self._start_ms, self._duration_ms, self._seed, self._batch_size):
            yield replay_batch(batch, video_ids)
