"""Applying interactions to the statistics: the rules, one event after the other in offset order, compiled.

Working strictly in offset order makes the result independent of chunks: the same log gives the same bits. The rules:

- A `play` is an exposure of, and a `fast_forward` speaks against, each clip whose middle lies in [from, to). A `share`
  speaks for these clips too, or for the clip around its own middle when it is shorter. A `rewind` speaks for the clip it
  lands in.
- Distinct sessions: a session counts once per clip and kind.
- A seek counts when the session goes on in that video without another seek for MIN_DWELL_MS: before that, it is searching.
- Time is event time. An event older than the session window behind the newest one is too late; one ahead of the broker's
  stamp by more than `max_clock_skew_ms` has a broken clock.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.compiled import compiled, inlined
from schemas.interactions import FAST_FORWARD, KINDS, REWIND, SHARE
from schemas.limits import CLIP_SECONDS, MAX_POSITION_S
from scoring.statistics.decay import era_of, weight_of
from scoring.statistics.pages import CLIPS_PER_PAGE, page_key
from scoring.statistics.pages import find_or_add as page_row
from scoring.statistics.sessions import find_or_add as session_slot
from scoring.statistics.sessions import session_key

CLIP_MS = CLIP_SECONDS * 1000
MIN_DWELL_MS = 3_000
MOST_PAGES_OF_A_RANGE = int(MAX_POSITION_S) // CLIP_SECONDS // CLIPS_PER_PAGE + 2

APPLIED, DUPLICATE, EXCLUDED, REJECTED, TOO_LATE, CLOCK_AHEAD, WRONG_PARTITION, WAITING = range(8)
"""Fates of a row: APPLIED changed the statistics or waits as a seek, DUPLICATE had been counted in full, EXCLUDED is passed
over as if it had never been, WAITING is not yet processed, the others go to dead letters."""


class Rules(NamedTuple):
    """What the rules depend on. Changing one makes other statistics: rebuild the state then."""

    half_life_ms: int
    session_window_ms: int
    max_clock_skew_ms: int


class Clock(NamedTuple):
    """Event time of a partition: `newest_ms[1]`, the newest event applied; and seeks dropped as searching so far."""

    newest_ms: NDArray[np.int64]
    searching: NDArray[np.int64]


@inlined
def _middle_at_or_after(position_ms):
    return -((CLIP_MS // 2 - position_ms) // CLIP_MS)


@compiled
def clip_range(kind, from_ms, to_ms):
    """Return (first, last) clip that an interaction speaks of; last < first where there is none."""
    if kind == REWIND:
        return to_ms // CLIP_MS, to_ms // CLIP_MS
    first, last = _middle_at_or_after(from_ms), _middle_at_or_after(to_ms) - 1
    if kind == SHARE and last < first:
        middle = (from_ms + to_ms) // 2 // CLIP_MS
        return middle, middle
    return first, last


@inlined
def _bits_between(first, last):
    width = last - first + 1
    ones = np.uint32(0xFFFFFFFF) if width >= CLIPS_PER_PAGE else np.uint32((1 << width) - 1)
    return np.uint32(ones << np.uint32(first))


@inlined
def _roll_eras(pages, row, clip, era):
    """Make room in the sums of a clip for events of a newer era."""
    passed = era - pages.era[row, clip]
    for kind in range(len(KINDS)):
        pages.decayed[row, 1, kind, clip] = pages.decayed[row, 0, kind, clip] if passed == 1 else 0
        pages.decayed[row, 0, kind, clip] = 0
    pages.era[row, clip] = era


@inlined
def _add(pages, row, kind, new, time_ms, offset, half_life_ms):
    """Count one session for each clip in the bits `new` of a page."""
    era = era_of(time_ms, half_life_ms)
    weight = weight_of(time_ms, half_life_ms)
    for clip in range(CLIPS_PER_PAGE):
        if new >> np.uint32(clip) & np.uint32(1):
            if era > pages.era[row, clip]:
                _roll_eras(pages, row, clip, era)
            place = pages.era[row, clip] - era
            pages.counts[row, kind, clip] += np.uint32(1)
            if place < 2:
                pages.decayed[row, place, kind, clip] += weight
            pages.latest_ms[row, clip] = max(pages.latest_ms[row, clip], time_ms)
            pages.changed_offset[row, clip] = offset
    pages.dirty[row] |= new
    pages.changed[row] = True


@inlined
def _count(pages, sessions, session, video, kind, span, count_ms, event, rules):
    """Count a session for a range of clips, as of time `count_ms`; returns the number of pages where that was new."""
    first, last = span
    time_ms, offset, forget_before_ms = event
    fresh = 0
    if last < first:
        return fresh
    page = first // CLIPS_PER_PAGE
    while page * CLIPS_PER_PAGE <= last:
        start = page * CLIPS_PER_PAGE
        wanted = _bits_between(max(first - start, 0), min(last - start, CLIPS_PER_PAGE - 1))
        slot = session_slot(sessions, session_key(session, page_key(video, page)), time_ms, forget_before_ms)
        bits = sessions.table[slot].bits
        new = np.uint32(wanted & ~bits[kind])
        if new:
            bits[kind] |= new
            row = page_row(pages, video, page)
            fresh += 1
            _add(pages, row, kind, new, count_ms, offset, rules.half_life_ms)
        page += 1
    return fresh


@inlined
def _interact(pages, sessions, clock, columns, row, offset, rules, forget_before_ms):
    """Apply one valid interaction; returns its fate."""
    kind, video, session = columns.kind[row], columns.video[row], columns.session[row]
    time_ms = columns.occurred_at_ms[row]
    key = session_key(session, page_key(video, 0))
    home = sessions.table[session_slot(sessions, key, time_ms, forget_before_ms)]
    waiting, waiting_since = home.seek_kind, home.seek_at_ms
    is_seek = kind in (REWIND, FAST_FORWARD)
    event = (time_ms, offset, forget_before_ms)
    if waiting and time_ms >= waiting_since + MIN_DWELL_MS:
        span = clip_range(waiting, np.int64(home.seek_from_ms), np.int64(home.seek_to_ms))
        home.seek_kind = 0
        _count(pages, sessions, session, video, waiting, span, waiting_since, event, rules)
    elif waiting and is_seek:
        clock.searching[0] += 1
        if time_ms < waiting_since:
            return APPLIED
    if is_seek:
        home.seek_kind = kind
        home.seek_from_ms = columns.from_ms[row]
        home.seek_to_ms = columns.to_ms[row]
        home.seek_at_ms = time_ms
        return APPLIED
    span = clip_range(kind, columns.from_ms[row], columns.to_ms[row])
    fresh = _count(pages, sessions, session, video, kind, span, time_ms, event, rules)
    return APPLIED if fresh or span[1] < span[0] else DUPLICATE


@inlined
def _murmur2(buffer, start, length):
    """Return Kafka's murmur2 of bytes: what Java's, librdkafka's and aiokafka's key partitioners hash with."""
    scale = np.uint32(0x5BD1E995)
    state = np.uint32(0x9747B28C) ^ np.uint32(length)
    whole = length - length % 4
    for at in range(start, start + whole, 4):
        word = np.uint32(buffer[at]) | np.uint32(buffer[at + 1]) << np.uint32(8)
        word |= np.uint32(buffer[at + 2]) << np.uint32(16) | np.uint32(buffer[at + 3]) << np.uint32(24)
        word = np.uint32(word * scale)
        word ^= word >> np.uint32(24)
        state = np.uint32(state * scale) ^ np.uint32(word * scale)
    for byte in range(length - whole - 1, -1, -1):
        state ^= np.uint32(buffer[start + whole + byte]) << np.uint32(8 * byte)
        if byte == 0:
            state = np.uint32(state * scale)
    state ^= state >> np.uint32(13)
    state = np.uint32(state * scale)
    return state ^ (state >> np.uint32(15))


@compiled
def partition_of(buffer, start, length, partitions):
    """Return the partition of the key `buffer[start:start + length]` (uint8) in a topic of `partitions` partitions."""
    return np.int64(_murmur2(buffer, start, length) & np.uint32(0x7FFFFFFF)) % partitions


@compiled
def apply(pages, sessions, clock, columns, first, offsets, timestamps_ms, partition, partitions, rules, fates):
    """Apply rows `first`... of a chunk; returns the row to go on with when a table has no room left, or n at the end.

    Args:
        pages, sessions, clock: the state, changed in place.
        columns: InteractionColumns of n rows.
        offsets: [n] source offsets, growing.
        timestamps_ms: [n] the broker's stamps.
        partition, partitions: where the chunk comes from, and how many there are.
        fates: uint8[n], WAITING, or EXCLUDED where a row is to be passed over; set for each row processed.
    """
    room = len(sessions.table) // 2 - 2 * MOST_PAGES_OF_A_RANGE
    page_room = len(pages.key) - 2 * MOST_PAGES_OF_A_RANGE
    for row in range(first, len(offsets)):
        if fates[row] == EXCLUDED:
            continue
        if not columns.accepted[row]:
            fates[row] = REJECTED
            continue
        time_ms = columns.occurred_at_ms[row]
        if time_ms > timestamps_ms[row] + rules.max_clock_skew_ms:
            fates[row] = CLOCK_AHEAD
            continue
        if time_ms < clock.newest_ms[0] - rules.session_window_ms:
            fates[row] = TOO_LATE
            continue
        if partition_of(columns.buffer, columns.video_start[row], columns.video_length[row], partitions) != partition:
            fates[row] = WRONG_PARTITION
            continue
        if sessions.size[0] > room or pages.size[0] > page_room:
            return row
        clock.newest_ms[0] = max(clock.newest_ms[0], time_ms)
        forget_before_ms = clock.newest_ms[0] - rules.session_window_ms
        fates[row] = _interact(pages, sessions, clock, columns, row, offsets[row], rules, forget_before_ms)
    return len(offsets)
