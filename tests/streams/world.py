"""A worker's surroundings without Kafka and ClickHouse: a source, a changelog, tables - and crashes at any moment.

It drives `PartitionState` as `streams.app` and `streams.flush` do: ClickHouse, then dead letters and changelog, then the ledger;
a flush right at each fit of the prior; and after a crash a new state from the changelog, with the source read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.statistics.partition import ClipSelection
from streams.changelog import Ledger, ledger_record
from streams.chunks import Chunk
from streams.rows import clip_score_rows
from streams.state import DeadLetter, Flush, PartitionState, StateKey
from tests.scoring.logs import HASH_KEY, LIMITS, RULES

KEY = StateKey(RULES, HASH_KEY, 1 << 16)
WHOLE = 1.0
"""A crash after everything of a flush but the commit of the source offset."""


class Message(NamedTuple):
    """One message of a source topic."""

    offset: int
    stamp_ms: int
    value: bytes | None


Row = dict[str, Any]


def chunk_of(messages: Sequence[Message], topic: str = "interactions") -> Chunk:
    """Return messages as one chunk."""
    count = len(messages)
    return Chunk(
        topic,
        LIMITS.partition,
        [message.value for message in messages],
        [None] * count,
        [()] * count,
        np.array([message.offset for message in messages], np.int64),
        np.array([message.stamp_ms for message in messages], np.int64),
    )


def new_state() -> PartitionState:
    """Return an empty state."""
    return PartitionState(LIMITS.partition, LIMITS.partitions, KEY)


class Crash(Exception):
    """The worker died."""


@dataclass
class World:
    """Topics, tables and a worker that may die."""

    source: list[Message]
    supervised: list[Message]
    keep_all: bool = False
    """The changelog has not been compacted."""
    changelog: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    clip_scores: dict[tuple[str, int], Row] = field(default_factory=dict)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    ledgers: list[Ledger] = field(default_factory=list)
    crash_at: float | None = None
    """Part of the next flush that is still written: 0 is nothing, not even ClickHouse; 1 is all, the ledger included."""
    state: PartitionState = field(default_factory=new_state)

    def apply(self, count: int, again: int = 0) -> None:
        """Apply the next `count` messages of the source; `again` of those before are delivered again."""
        at = next(
            (at for at, message in enumerate(self.source) if message.offset > self.state.ledger.applied_offset), len(self.source)
        )
        chunk = chunk_of(self.source[max(0, at - again) : at + count])
        while chunk.values:
            fit = self.state.next_fit_offset
            end = int(chunk.offsets.searchsorted(fit))
            self.state.apply_interactions(chunk.part(0, end))
            if end < len(chunk.values):
                self.state.refit(fit)
                self.flush()
            chunk = chunk.part(end, len(chunk.values))

    def cache(self, count: int, again: int = 0) -> None:
        """Cache the next `count` supervised outputs; `again` of those before are delivered again."""
        at = self.state.ledger.supervised_offset + 1
        self.state.apply_supervised(chunk_of(self.supervised[max(0, at - again) : at + count], "supervised-scores"))

    def flush(self) -> None:
        """Flush; die within it where `crash_at` says so."""
        flush = self.state.take_flush()
        if flush is None:
            return
        crash_at, self.crash_at = self.crash_at, None
        if crash_at == 0:
            raise Crash
        self._publish(flush)
        self.dead_letters += flush.dead_letters
        whole = crash_at is None or crash_at == WHOLE
        self.changelog += flush.records if whole else flush.records[: int(len(flush.records) * (crash_at or 0))]
        if whole:
            self.changelog.append(ledger_record(flush.ledger))
            self.ledgers.append(flush.ledger)
        if crash_at is not None:
            raise Crash

    def _publish(self, flush: Flush) -> None:
        for row in flush.clip_scores.to_pylist():
            clip = row["video_id"], row["clip_index"]
            if clip not in self.clip_scores or row["version"] >= self.clip_scores[clip]["version"]:
                self.clip_scores[clip] = row

    def restart(self) -> None:
        """Go on with a new state, made of the changelog."""
        self.crash_at = None
        self.state = new_state()
        for key, value in self.changelog if self.keep_all else compacted(self.changelog):
            self.state.recover(key, value)
        self.state.finish_recovery()

    def finish(self) -> None:
        """Apply all that is left, and flush."""
        self.crash_at = None
        self.cache(len(self.supervised))
        self.apply(len(self.source))
        self.flush()


def compacted(log: list[tuple[bytes, bytes | None]]) -> list[tuple[bytes, bytes | None]]:
    """Return what compaction leaves: of each key the last record, in the order of the log."""
    last = {key: place for place, (key, _) in enumerate(log)}
    return [log[place] for place in sorted(last.values()) if log[place][1] is not None]


def page_records(state: PartitionState) -> dict[int, bytes]:
    """Return the bits of all pages by their keys."""
    pages = state.statistics.pages
    return {int(page["key"]): page.tobytes() for page in pages.records(np.arange(int(pages.size[0])))}


def session_records(state: PartitionState) -> dict[int, bytes]:
    """Return the bits of the live session records by their keys, without what has no meaning."""
    live: NDArray[np.void] = state.statistics.sessions.live(state.statistics.forget_before_ms).copy()
    live["changed"] = 0
    for name in ("seek_at_ms", "seek_from_ms", "seek_to_ms"):
        live[name][live["seek_kind"] == 0] = 0
    return {int(record["key"]): record.tobytes() for record in live}


def known_rows(state: PartitionState) -> dict[tuple[str, int], Row]:
    """Return the rows of all clips of a state that were watched or scored."""
    pages, clips = state.statistics.pages, state.statistics.all_clips()
    known = (pages.latest_ms[clips.row, clips.clip] >= 0) | ~np.isnan(pages.score_mean[clips.row, clips.clip])
    rows = clip_score_rows(state.statistics, ClipSelection(clips.row[known], clips.clip[known])).to_pylist()
    return {(row["video_id"], row["clip_index"]): row for row in rows}


def assert_same_state(found: PartitionState, expected: PartitionState) -> None:
    """Assert that two states are the same, to the bit; how often they were flushed does not matter."""
    assert page_records(found) == page_records(expected)
    assert session_records(found) == session_records(expected)
    assert found.ledger.model_dump(exclude={"segment"}) == expected.ledger.model_dump(exclude={"segment"})
    assert found.statistics.prior.fitted_offset == expected.statistics.prior.fitted_offset
    assert found.statistics.prior.mean.tobytes() == expected.statistics.prior.mean.tobytes()
    assert found.statistics.prior.strength.tobytes() == expected.statistics.prior.strength.tobytes()
    assert found.statistics.clock.newest_ms == expected.statistics.clock.newest_ms
    assert found.statistics.video_ids == expected.statistics.video_ids
