"""A worker's surroundings without Kafka and ClickHouse: a source, a changelog, tables - and crashes at any moment.

It drives `PartitionState` as `streams.app` and `streams.flush` do: ClickHouse, then dead letters and changelog in one
transaction; and after a crash a new state from the changelog, with the source read again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.byte_column import ByteColumn
from schemas.exclusions import Excluded, Exclusion, ExclusionKind
from schemas.hashing import hash_text
from streams.changelog import Record
from streams.chunks import Chunk
from streams.ledger import Ledger
from streams.letters import DeadLetter
from streams.recovery import state_of
from streams.rows import clip_score_rows, epoch_of
from streams.state import Flush, PartitionState
from streams.state_key import StateKey
from tests.scoring.logs import HASH_KEY, LIMITS, RULES, live_sessions

KEY = StateKey(RULES, HASH_KEY, 1 << 16)


_NOT_COMPARED = {"segment", "records", "epoch", "exclusions_offset"}


class Moment(StrEnum):
    """When a worker dies within a flush."""

    BEFORE = "before anything is written"
    PUBLISHED = "ClickHouse has the rows, the changelog has nothing"
    COMMITTED = "all is written but the source offset"


class Message(NamedTuple):
    """One message of a source topic."""

    offset: int
    stamp_ms: int
    value: bytes | None


class Exclude(NamedTuple):
    """One message of the topic of exclusions."""

    offset: int
    key: bytes
    value: bytes | None


Row = dict[str, Any]


def chunk_of(messages: Sequence[Message], topic: str = "interactions", keys: Sequence[bytes | None] | None = None) -> Chunk:
    """Return messages as one chunk; without `keys` none has a key."""
    nothing: list[bytes | None] = [None] * len(messages)
    return Chunk(
        topic,
        LIMITS.partition,
        ByteColumn.of([message.value for message in messages]),
        ByteColumn.of(nothing if keys is None else keys),
        ByteColumn.of(nothing),
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
    exclusions: list[Exclude] = field(default_factory=list)
    changelog: list[Record] = field(default_factory=list)
    clip_scores: dict[tuple[str, int], Row] = field(default_factory=dict)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    ledgers: list[Ledger] = field(default_factory=list)
    crash_at: Moment | None = None
    """Where the worker dies within the next flush."""
    state: PartitionState = field(default_factory=new_state)

    def apply(self, count: int, again: int = 0) -> None:
        """Apply the next `count` messages of the source; `again` of those before are delivered again."""
        at = next(
            (at for at, message in enumerate(self.source) if message.offset > self.state.ledger.applied_offset), len(self.source)
        )
        self.state.apply_interactions(chunk_of(self.source[max(0, at - again) : at + count]))

    def cache(self, count: int, again: int = 0) -> None:
        """Cache the next `count` supervised outputs; `again` of those before are delivered again."""
        at = self.state.ledger.supervised_offset + 1
        self.state.apply_supervised(chunk_of(self.supervised[max(0, at - again) : at + count], "supervised-scores"))

    def exclude(self, session: str, back: bool = False) -> None:
        """Exclude a session, or take that back."""
        value = None if back else Exclusion(reason="test", excluded_at_ms=0).model_dump_json().encode()
        key = Excluded(ExclusionKind.SESSION, hash_text(session, HASH_KEY)).key.encode()
        self.exclusions.append(Exclude(len(self.exclusions), key, value))
        self.note_exclusions()

    def note_exclusions(self) -> None:
        """Have the state read what is new in the topic of exclusions."""
        new = [message for message in self.exclusions if message.offset > self.state.wanted_offset]
        chunk = chunk_of([Message(message.offset, 0, message.value) for message in new], "exclusions")
        self.state.note_exclusions(replace(chunk, keys=ByteColumn.of([message.key for message in new])))

    def replace_state(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Put a state without those excluded in the place of this one; die within it where `crash_at` says so.

        Args:
            meanwhile: what happens while the new state is computed.
        """
        self.flush()
        old = self.state
        new = PartitionState(LIMITS.partition, LIMITS.partitions, KEY, old.wanted)
        new.apply_supervised(chunk_of([each for each in self.supervised if each.offset <= old.ledger.supervised_offset]))
        new.apply_interactions(chunk_of([each for each in self.source if each.offset <= old.ledger.applied_offset]))
        new.ledger.exclusions_offset = old.wanted_offset
        meanwhile()
        new.want_excluded(old.wanted, old.wanted_offset)
        flush = new.take_place_of(old.record_keys)
        if self.crash_at is Moment.BEFORE:
            raise Crash
        self.changelog += flush.records
        if self.crash_at is not None:
            raise Crash
        self._publish_anew(new)
        self.state = new

    def _publish_anew(self, state: PartitionState) -> None:
        newest = max((row["version"] for row in self.clip_scores.values()), default=0)
        self.changelog += state.begin_epoch(max(epoch_of(newest), state.ledger.epoch) + 1).records
        state.publish_anew(list(self.clip_scores))

    def flush(self) -> None:
        """Flush; die within it where `crash_at` says so."""
        if not self.state.is_touched:
            return
        flush = self.state.take_flush()
        crash_at, self.crash_at = self.crash_at, None
        if crash_at is Moment.BEFORE:
            raise Crash
        self._publish(flush)
        if crash_at is Moment.PUBLISHED:
            raise Crash
        self.dead_letters += flush.dead_letters
        self.changelog += flush.records
        self.ledgers.append(flush.ledger)
        if crash_at is Moment.COMMITTED:
            raise Crash

    def _publish(self, flush: Flush) -> None:
        for row in flush.clip_scores.to_pylist():
            clip = row["video_id"], row["clip_index"]
            if clip not in self.clip_scores or row["version"] >= self.clip_scores[clip]["version"]:
                self.clip_scores[clip] = row

    def restart(self) -> None:
        """Go on with a new state, made of the changelog."""
        self.crash_at = None
        self.state = recovered(self.changelog if self.keep_all else compacted(self.changelog))
        if self.state.ledger.republish:
            self._publish_anew(self.state)
        self.note_exclusions()

    def finish(self) -> None:
        """Apply all that is left, and flush."""
        self.crash_at = None
        self.cache(len(self.supervised))
        self.apply(len(self.source))
        self.flush()


def compacted(log: list[Record]) -> list[Record]:
    """Return what compaction leaves: of each key the last record, in the order of the log."""
    last = {record.key: place for place, record in enumerate(log)}
    return [log[place] for place in sorted(last.values()) if log[place].value is not None]


def recovered(log: list[Record], partitions: int = LIMITS.partitions, key: StateKey = KEY) -> PartitionState:
    """Return the state that a changelog holds."""
    newest = dict(log)
    values = {name: value for name, value in newest.items() if value is not None}
    return state_of(values, LIMITS.partition, partitions, key)


def page_records(state: PartitionState) -> dict[int, bytes]:
    """Return the bits of all pages that say anything, by their keys."""
    return {int(page["key"]): page.tobytes() for page in _pages(state)}


def _pages(state: PartitionState) -> list[NDArray[np.void]]:
    pages = state.statistics.pages
    records = pages.records(np.arange(int(pages.size[0])))
    return [page for page, known in zip(records, pages.known, strict=True) if known.any()]


def _video_ids(state: PartitionState) -> dict[int, bytes]:
    return {int(page["video"]): state.statistics.video_ids[int(page["video"])] for page in _pages(state)}


def session_records(state: PartitionState) -> dict[int, bytes]:
    """Return the bits of the live session records by their keys, without what has no meaning."""
    live = live_sessions(state.statistics)
    live["changed"] = 0
    for name in ("seek_at_ms", "seek_from_ms", "seek_to_ms"):
        live[name][live["seek_kind"] == 0] = 0
    return {int(record["key"]): record.tobytes() for record in live}


def known_rows(state: PartitionState) -> dict[tuple[str, int], Row]:
    """Return the rows of all clips of a state that were watched or scored."""
    rows = clip_score_rows(state.statistics, state.statistics.known_clips(), state.ledger.epoch).to_pylist()
    return {(row["video_id"], row["clip_index"]): row for row in rows}


def assert_same_state(found: PartitionState, expected: PartitionState) -> None:
    """Assert that two states are the same, to the bit; how often they were flushed does not matter."""
    assert page_records(found) == page_records(expected)
    assert session_records(found) == session_records(expected)
    assert found.ledger.model_dump(exclude=_NOT_COMPARED) == expected.ledger.model_dump(exclude=_NOT_COMPARED)
    assert found.statistics.prior.fitted_offset == expected.statistics.prior.fitted_offset
    assert found.statistics.prior.mean.tobytes() == expected.statistics.prior.mean.tobytes()
    assert found.statistics.prior.strength.tobytes() == expected.statistics.prior.strength.tobytes()
    assert found.statistics.clock.newest_ms == expected.statistics.clock.newest_ms
    assert _video_ids(found) == _video_ids(expected)
