"""The rows that compiled sessions write their events to."""

from collections.abc import Callable
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from schemas.compiled import inlined

EVENT_DTYPE: Final = np.dtype(
    [
        ("arrives_at_ms", "<i8"),
        ("occurred_at_ms", "<i8"),
        ("session", "<u8"),
        ("viewer", "<u8"),
        ("from_ms", "<i4"),
        ("to_ms", "<i4"),
        ("video", "<i4"),
        ("kind", "<i4"),
    ]
)
"""One interaction and the time at which it reaches the topic."""

MOST_EVENTS_OF_A_SESSION: Final = 2_000
"""A session ends here: room for one more session is room for twice as many rows, should each be sent twice."""

_FIRST_ROOM = 16_384


class EventLog(NamedTuple):
    """Events made so far: the first `size[0]` rows."""

    events: NDArray[np.void]
    """EVENT_DTYPE[room]."""
    size: NDArray[np.int64]
    """int64[1]."""

    @classmethod
    def empty(cls) -> Self:
        """Return a log without events."""
        return cls(np.empty(_FIRST_ROOM, EVENT_DTYPE), np.zeros(1, np.int64))

    def made(self) -> NDArray[np.void]:
        """Return the events, EVENT_DTYPE[size]."""
        return self.events[: self.size[0]]

    def with_room(self) -> Self:
        """Return a log of the same events with twice the room."""
        larger = np.empty(2 * len(self.events), EVENT_DTYPE)
        larger[: self.size[0]] = self.made()
        return type(self)(larger, self.size)


def run_sessions(run: Callable[[int, EventLog], int], sessions: int) -> NDArray[np.void]:
    """Return the events of `sessions` sessions, EVENT_DTYPE[n].

    Args:
        run: runs sessions from a number on; returns the number to go on with: below `sessions` when the log is full.
        sessions: how many there are.
    """
    log = EventLog.empty()
    done = 0
    while (done := run(done, log)) < sessions:
        log = log.with_room()
    return log.made()


class Sitting(NamedTuple):
    """Who watches what: the columns that all events of one session and video share."""

    session: np.uint64
    viewer: np.uint64
    video: int


@inlined
def is_full(log):
    """Say whether another session might not fit."""
    return log.size[0] + 2 * MOST_EVENTS_OF_A_SESSION > len(log.events)


@inlined
def write(log, sitting, kind, occurred_at_ms, from_ms, to_ms):
    """Add one event; its arrival is decided later."""
    row = log.size[0]
    log.size[0] = row + 1
    event = log.events[row]
    event.occurred_at_ms = occurred_at_ms
    event.session = sitting.session
    event.viewer = sitting.viewer
    event.video = sitting.video
    event.kind = kind
    event.from_ms = from_ms
    event.to_ms = to_ms
