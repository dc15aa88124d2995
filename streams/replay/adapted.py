"""`--source openedx` and its like: a file of another system's events, one JSON object a line, turned into interactions."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from streams.adapters.adapter import Adapter, EventSource
from streams.replay.jsonl import JsonLinesSource
from streams.replay.source import UNKNOWN_TIME_MS, ReplayBatch


class AdaptedSource:
    """The interactions in a file of events.

    An event that cannot be read is sent as it is: the worker sends it to the dead letters. A file does not tell when events were
    received: players are forgotten by the events' own times.

    Raises:
        ConfigurationError: there is no such file.
    """

    def __init__(self, source: EventSource, path: Path, idle_ms: int) -> None:
        self._lines = JsonLinesSource(path)
        self._source = source
        self._idle_ms = idle_ms

    @property
    def expected_events(self) -> int | None:
        """Unknown before the file has been read."""
        return None

    def batches(self) -> Iterator[ReplayBatch]:
        """Yield the interactions, in the order of the lines."""
        adapter = Adapter(self._source, self._idle_ms)
        for lines in self._lines.batches():
            if made := [message for line in lines.values for message in _messages(adapter, line)]:
                keys, values, times = zip(*made, strict=True)
                yield ReplayBatch(list(keys), list(values), np.array(times, np.int64))


def _messages(adapter: Adapter, line: bytes) -> list[tuple[bytes | None, bytes, int]]:
    adapted = adapter.adapt(line)
    return [
        *((made.video_id.encode(), made.to_json(), made.occurred_at_ms) for made in adapted.interactions),
        *((None, event.value or b"", UNKNOWN_TIME_MS) for event in adapted.unread),
    ]
