"""Session records: which clips of a page one session has counted for already, and its seek that waits to be confirmed.

A record is a bit per (kind, clip) of one (session, page): distinct counting costs one lookup an interaction, however many
clips a watched span covers, and one cache line. A record that nothing has touched for the session window of event time is
forgotten; lookups apply that rule, so it does not matter when the room of forgotten records is really freed.
"""

from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from schemas.compiled import compiled, inlined
from schemas.hashing import mix
from schemas.interactions import KINDS

SESSION_DTYPE: Final = np.dtype(
    [
        ("key", "<u8"),
        ("touched_ms", "<i8"),
        ("seek_at_ms", "<i8"),
        ("bits", "<u4", len(KINDS)),
        ("seek_kind", "<i4"),
        ("seek_from_ms", "<i4"),
        ("seek_to_ms", "<i4"),
        ("changed", "<i4"),
        ("reserved", "<u8"),
    ]
)
"""One session record: 64 bytes, in memory and in the changelog. `seek_kind` is 0 where no seek waits; `changed` is 1 where
the record is to be written to the changelog."""

BUCKETS: Final = 64
"""Parts that the live records are written to the changelog in, one a flush."""

_FEWEST_SLOTS = 1 << 12


class Sessions(NamedTuple):
    """An open-addressing table of session records, at most half full; key 0 is an empty slot."""

    table: NDArray[np.void]
    """SESSION_DTYPE[slots], a power of two."""
    size: NDArray[np.int64]
    """int64[1]: slots in use."""

    @classmethod
    def empty(cls, slots: int = _FEWEST_SLOTS) -> Self:
        """Return a table of `slots` slots (a power of two)."""
        return cls(np.zeros(slots, SESSION_DTYPE), np.zeros(1, np.int64))

    def with_room(self, records: int, forget_before_ms: int) -> Self:
        """Return self, or a copy with room for `records` more and without records last touched before a time."""
        if int(self.size[0]) + records <= len(self.table) // 2:
            return self
        alive, slots = _alive(self.table, forget_before_ms), _FEWEST_SLOTS
        while slots // 2 < 2 * (alive + records):
            slots *= 2
        larger = self.empty(slots)
        _move(self, larger, forget_before_ms)
        return larger

    def take_segment(self, bucket: int, forget_before_ms: int) -> NDArray[np.void]:
        """Return copies of the records that changed since the last call, and of all live ones of a bucket (0-63)."""
        segment = np.empty(int(self.size[0]), SESSION_DTYPE)
        return segment[: _take(self.table, bucket, forget_before_ms, segment)]

    def put(self, records: NDArray[np.void]) -> None:
        """Add or replace records. Needs room for them."""
        _insert(self, records)


@inlined
def session_key(session, page):
    """Return the hash of (session, page), never 0."""
    key = mix(session, page)
    return key if key != np.uint64(0) else np.uint64(1)


@inlined
def _slot_of(table, key):
    """Return the slot that holds `key`, or the empty one where it belongs."""
    mask = np.uint64(len(table) - 1)
    slot = key & mask
    while table[slot].key != key and table[slot].key != np.uint64(0):
        slot = (slot + np.uint64(1)) & mask
    return slot


@compiled
def find_or_add(sessions, key, time_ms, forget_before_ms):
    """Return the slot of a record, touched at `time_ms`; a new record if there is none or it is forgotten."""
    slot = _slot_of(sessions.table, key)
    record = sessions.table[slot]
    if record.key == np.uint64(0):
        record.key = key
        sessions.size[0] += 1
        record.touched_ms = time_ms
    elif record.touched_ms < forget_before_ms:
        for kind in range(len(KINDS)):
            record.bits[kind] = np.uint32(0)
        record.seek_kind = 0
        record.touched_ms = time_ms
    elif record.touched_ms < time_ms:
        record.touched_ms = time_ms
    record.changed = 1
    return slot


@inlined
def _insert_one(sessions, record):
    slot = _slot_of(sessions.table, record.key)
    if sessions.table[slot].key == np.uint64(0):
        sessions.size[0] += 1
    sessions.table[slot] = record


@compiled
def _insert(sessions, records):
    for row in range(len(records)):
        _insert_one(sessions, records[row])


@inlined
def _is_alive(record, forget_before_ms):
    return record.key != np.uint64(0) and record.touched_ms >= forget_before_ms


@compiled
def _alive(table, forget_before_ms):
    """Return the number of records that are not forgotten."""
    count = 0
    for slot in range(len(table)):
        count += _is_alive(table[slot], forget_before_ms)
    return count


@compiled
def _move(sessions, others, forget_before_ms):
    """Insert all records that are not forgotten into another table."""
    for slot in range(len(sessions.table)):
        if _is_alive(sessions.table[slot], forget_before_ms):
            _insert_one(others, sessions.table[slot])


@compiled
def _take(table, bucket, forget_before_ms, segment):
    """Copy changed records, and live ones of a bucket, to a segment; return their number. They count as unchanged then."""
    count = 0
    for slot in range(len(table)):
        record = table[slot]
        in_bucket = record.key >> np.uint64(58) == np.uint64(bucket)
        if record.changed or (in_bucket and _is_alive(record, forget_before_ms)):
            record.changed = 0
            segment[count] = record
            count += 1
    return count
