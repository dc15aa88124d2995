"""Sessions in blocks of time, and their events in order of arrival: bounded memory, whatever the number of sessions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigurationError
from schemas.limits import MAX_TIME_MS, MIN_TIME_MS
from scoring.simulation.event_log import EVENT_DTYPE
from scoring.simulation.interactions import InteractionBatch

_SESSIONS_OF_A_BLOCK = 1_024
_MOST_BLOCKS = 180
_NEVER_MS = np.iinfo(np.int64).max


class Block(NamedTuple):
    """Sessions that begin in one window of time."""

    rng: np.random.Generator
    first_session: int
    starts_at_ms: NDArray[np.int64]
    """[n], Unix ms, in order."""
    complete_until_ms: int
    """No session of a later block begins before."""


@dataclass(frozen=True)
class Schedule:
    """When sessions happen: `sessions` of them, spread evenly over `duration_ms` from `start_ms` (Unix ms).

    Raises:
        ConfigurationError: a value is out of range.
    """

    sessions: int
    start_ms: int
    duration_ms: int = 6 * 3_600_000

    def __post_init__(self) -> None:
        if self.sessions < 1:
            message = f"sessions = {self.sessions}: at least 1 session is needed"
            raise ConfigurationError(message)
        if self.duration_ms < 60_000:
            message = f"duration_ms = {self.duration_ms}: give at least a minute (60000)"
            raise ConfigurationError(message)
        if not MIN_TIME_MS <= self.start_ms <= MAX_TIME_MS - self.duration_ms:
            message = f"start_ms = {self.start_ms}: all events must lie between {MIN_TIME_MS} and {MAX_TIME_MS} (Unix ms)"
            raise ConfigurationError(message)

    @property
    def end_ms(self) -> int:
        """Unix ms after which nothing happens."""
        return self.start_ms + self.duration_ms

    def blocks(self, seed: np.random.SeedSequence) -> Iterator[Block]:
        """Yield the sessions in blocks, each with a Generator of its own."""
        count = max(1, min(self.sessions // _SESSIONS_OF_A_BLOCK, _MOST_BLOCKS))
        for block in range(count):
            first, after = (self.sessions * edge // count for edge in (block, block + 1))
            opens, closes = (self.start_ms + self.duration_ms * edge // count for edge in (block, block + 1))
            rng = np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, block)))
            starts = np.sort(rng.integers(opens, closes, size=after - first))
            yield Block(rng, first, starts, closes if block < count - 1 else _NEVER_MS)


def in_order_of_arrival(blocks: Iterable[tuple[NDArray[np.void], int]], batch_size: int) -> Iterator[InteractionBatch]:
    """Yield the events of blocks in batches of `batch_size`, in order of arrival; the last batch may be smaller.

    What waits for later blocks is what arrives after their windows open: about a session's length of events.

    Args:
        blocks: EVENT_DTYPE[n] of each block, and the time before which nothing of later blocks arrives.
        batch_size: events in a batch; it changes nothing of the events.

    Raises:
        ConfigurationError: `batch_size` is below 1.
    """
    if batch_size < 1:
        message = f"batch_size = {batch_size}: a batch needs at least 1 event"
        raise ConfigurationError(message)
    return _batches(_due(blocks), batch_size)


def _batches(runs: Iterable[NDArray[np.void]], batch_size: int) -> Iterator[InteractionBatch]:
    rest = np.empty(0, EVENT_DTYPE)
    for run in runs:
        rest = np.concatenate([rest, run])
        whole = len(rest) - len(rest) % batch_size
        for start in range(0, whole, batch_size):
            yield _columns(rest[start : start + batch_size])
        rest = rest[whole:]
    if len(rest):
        yield _columns(rest)


def _due(blocks: Iterable[tuple[NDArray[np.void], int]]) -> Iterator[NDArray[np.void]]:
    """Yield what can no longer be overtaken, in order; events that arrive together keep the order they were made in."""
    waiting = np.empty(0, EVENT_DTYPE)
    for made, complete_until_ms in blocks:
        waiting = np.concatenate([waiting, made])
        is_due = waiting["arrives_at_ms"] < complete_until_ms
        due, waiting = waiting[is_due], waiting[~is_due]
        yield due[np.argsort(due["arrives_at_ms"], kind="stable")]


def _columns(events: NDArray[np.void]) -> InteractionBatch:
    return InteractionBatch(
        kind=events["kind"].astype(np.uint8),
        video=events["video"].astype(np.int32),
        session=events["session"].astype(np.uint64),
        viewer=events["viewer"].astype(np.uint64),
        occurred_at_ms=events["occurred_at_ms"].astype(np.int64),
        from_ms=events["from_ms"].astype(np.int64),
        to_ms=events["to_ms"].astype(np.int64),
    )
