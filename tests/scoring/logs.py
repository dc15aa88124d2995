"""Random logs of interactions in which the rules collide often, and the ways to feed them to the statistics."""

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from schemas.byte_column import ByteColumn
from schemas.columns import InteractionColumns, decode
from schemas.hashing import hash_key
from schemas.interactions import KINDS
from schemas.limits import MAX_POSITION_S
from scoring.statistics.aggregation import Rules
from scoring.statistics.partition import PartitionStatistics
from tests.scoring.oracle import Event, Limits

HASH_KEY = hash_key(bytes(range(16)))
LIMITS = Limits(half_life_ms=60_000, window_ms=40_000, skew_ms=5_000, partition=1, partitions=3)
"""Short, so that a log of a few dozen events crosses session windows and eras of 16 minutes."""
RULES = Rules(LIMITS.half_life_ms, LIMITS.window_ms, LIMITS.skew_ms)
START_MS = 1_790_000_000_000

VIDEOS = ("v1", "v9", "v6", "v3")
"""All but v3 belong to partition 1 of 3."""
SESSIONS = ("s1", "s2")

_PAGE_MS = 320_000
_STEPS_MS = (0, 1, 2_999, 3_000, 3_001, 10_000, 39_999, 40_000, 40_001, 200_000, 960_000, 2_000_000, -1, -3_000, -20_000, -50_000)
_SMALL_STEPS_MS = (0, 1, 500, 2_999, 3_000, 3_001, -1, -500)
_POSITIONS_MS = (0, 1, 4_999, 5_000, 5_001, 9_999, 10_000, 15_000, _PAGE_MS - 5_001, _PAGE_MS - 5_000, _PAGE_MS, _PAGE_MS + 5_000)
_FAR_MS = (2 * _PAGE_MS, 40 * _PAGE_MS, int(MAX_POSITION_S) * 1000 - 1, int(MAX_POSITION_S) * 1000)


@st.composite
def events(draw: st.DrawFn, most: int = 40) -> list[Event]:
    """Logs of up to `most` events: few videos and sessions, times in and out of order, spans over borders of clips and pages."""
    log: list[Event] = []
    now, offset = START_MS, draw(st.integers(0, 3))
    near = st.sampled_from(_POSITIONS_MS) | st.integers(0, 50_000)
    position = st.sampled_from(_POSITIONS_MS + _FAR_MS) if draw(st.integers(0, 4)) == 0 else near
    for _ in range(draw(st.integers(0, most))):
        step = draw(st.sampled_from(_SMALL_STEPS_MS) | st.sampled_from(_STEPS_MS))
        time = now + step
        now = max(now, time)
        kind = draw(st.sampled_from(KINDS))
        start, end = sorted((draw(position), draw(position)))
        if kind != "play" and start == end:
            start, end = 0, end + 1 if end < _FAR_MS[-1] else end
        if kind == "rewind":
            start, end = end, start
        video = draw(st.sampled_from(VIDEOS[:2]) | st.sampled_from(VIDEOS))
        stamp = time + draw(st.sampled_from([0, 0, 0, -5_000, -5_001, 1_000]))
        log.append(Event(offset, stamp, kind, video, draw(st.sampled_from(SESSIONS)), time, start, end))
        offset += draw(st.sampled_from([1, 1, 1, 2]))
    return log


def message(event: Event) -> bytes:
    """Return an event as the source holds it."""
    return (
        f'{{"schema_version":1,"kind":"{event.kind}","video_id":"{event.video}","session_id":"{event.session}",'
        f'"occurred_at_ms":{event.time_ms},"from_s":{event.from_ms / 1000},"to_s":{event.to_ms / 1000}}}'
    ).encode()


def statistics() -> PartitionStatistics:
    """Return empty statistics under the rules of these logs."""
    return PartitionStatistics(LIMITS.partition, LIMITS.partitions, RULES, HASH_KEY)


def columns_of(log: list[Event]) -> tuple[InteractionColumns, NDArray[np.int64], NDArray[np.int64]]:
    """Return a log as what `PartitionStatistics.apply` takes."""
    columns, rejections = decode(ByteColumn.of([message(event) for event in log]), HASH_KEY, 1 << 16)
    assert not rejections
    offsets = np.array([event.offset for event in log], np.int64)
    return columns, offsets, np.array([event.stamp_ms for event in log], np.int64)


def cuts(log: list[Event], borders: list[int]) -> list[list[Event]]:
    """Return a log in pieces, cut at places that are taken modulo its length."""
    places = sorted({border % (len(log) + 1) for border in borders} | {0, len(log)})
    return [log[start:end] for start, end in pairwise(places)]


def live_sessions(found: PartitionStatistics) -> NDArray[np.void]:
    """Return copies of the session records that are not forgotten, SESSION_DTYPE[n]."""
    table = found.sessions.table
    live: NDArray[np.void] = table[(table["key"] != 0) & (table["touched_ms"] >= found.forget_before_ms)]
    return live
