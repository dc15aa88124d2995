"""`--source jsonl`: lines of a file or of standard input, as they are; whether they are valid is for the worker to judge."""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson

from schemas.errors import ConfigurationError
from streams.replay.source import UNKNOWN_TIME_MS, ReplayBatch

STANDARD_INPUT = Path("-")

_LATEST_MS = np.iinfo(np.int64).max


class JsonLinesSource:
    """Lines of a file, or of standard input where `path` is `-` (which can be read only once).

    Raises:
        ConfigurationError: there is no such file, or `batch_size` is below 1.
    """

    def __init__(self, path: Path, *, batch_size: int = 50_000) -> None:
        if batch_size < 1:
            message = f"batch_size = {batch_size}: a batch needs at least 1 line"
            raise ConfigurationError(message)
        try:
            if path != STANDARD_INPUT:
                path.open("rb").close()
        except OSError as error:
            message = f"{path} cannot be read ({error.strerror}): give a file of JSON lines, or - for standard input"
            raise ConfigurationError(message) from error
        self._path = path
        self._batch_size = batch_size

    @property
    def expected_events(self) -> int | None:
        """Unknown before the file has been read."""
        return None

    def batches(self) -> Iterator[ReplayBatch]:
        """Yield the lines, without their line feeds, in order."""
        with nullcontext(sys.stdin.buffer) if self._path == STANDARD_INPUT else self._path.open("rb") as lines:
            while values := _read_lines(lines, self._batch_size):
                told = [_key_and_time(value) for value in values]
                yield ReplayBatch(
                    keys=[key for key, _ in told],
                    values=values,
                    event_times_ms=np.array([time for _, time in told], dtype=np.int64),
                )


def _read_lines(lines: BinaryIO, count: int) -> list[bytes]:
    return [line.removesuffix(b"\n") for line in islice(lines, count)]


def _key_and_time(line: bytes) -> tuple[bytes | None, int]:
    """Return what a line tells of its video and its time, were it valid or not."""
    try:
        message: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None, UNKNOWN_TIME_MS
    if not isinstance(message, dict):
        return None, UNKNOWN_TIME_MS
    video_id, time = message.get("video_id"), message.get("occurred_at_ms")
    key = video_id.encode() if isinstance(video_id, str) and video_id else None
    if isinstance(time, bool) or not isinstance(time, int) or not 0 <= time <= _LATEST_MS:
        return key, UNKNOWN_TIME_MS
    return key, time
