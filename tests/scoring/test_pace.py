"""Sessions that interact faster than a person can are found, and no others."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.byte_column import ByteColumn
from schemas.columns import decode
from schemas.hashing import hash_text
from scoring.statistics.aggregation import APPLIED, DUPLICATE, EXCLUDED
from scoring.statistics.pace import PaceWatch
from tests.scoring.logs import HASH_KEY, START_MS

_LIMIT = 5


def _found(sessions: list[tuple[str, int]], watch: PaceWatch, fate: int = APPLIED) -> list[int]:
    values = [
        (
            f'{{"schema_version":1,"kind":"play","video_id":"v","session_id":"{session}","occurred_at_ms":{START_MS + ms},'
            '"from_s":0,"to_s":10}'
        ).encode()
        for session, ms in sessions
    ]
    columns, _ = decode(ByteColumn.of(values), HASH_KEY, 1 << 16)
    return watch.find(columns, np.full(len(values), fate, np.uint8))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 300_000)), max_size=40))
def test_only_sessions_beyond_the_limit_are_found(sessions: list[tuple[str, int]]) -> None:
    """Whoever is found has more interactions in one minute of event time than the limit."""
    found = _found(sessions, PaceWatch.of(_LIMIT))
    counts: dict[tuple[int, int], int] = {}
    for session, ms in sessions:
        key = hash_text(session, HASH_KEY), (START_MS + ms) // 60_000
        counts[key] = counts.get(key, 0) + 1
    assert set(found) <= {session for (session, _), count in counts.items() if count > _LIMIT}


def test_a_fast_session_is_found_once_a_minute_over_chunks() -> None:
    """The count goes on from chunk to chunk; duplicates count, since a bot repeats itself."""
    watch = PaceWatch.of(_LIMIT)
    start = -START_MS % 60_000
    assert _found([("bot", start)] * 4, watch) == []
    assert _found([("bot", start + 1)] * 4, watch, DUPLICATE) == [hash_text("bot", HASH_KEY)]


def test_a_fast_session_is_found_among_many_slow_ones() -> None:
    """Sessions that share its slot delay the find, and cannot prevent it."""
    crowd = [(f"s{number}", 0) for number in range(50_000)]
    mixed = [pair for place, one in enumerate(crowd) for pair in ((one, ("bot", 0)) if place % 100 == 0 else (one,))]
    assert _found(mixed, PaceWatch.of(_LIMIT)) == [hash_text("bot", HASH_KEY)]


def test_a_fast_session_is_found_whatever_comes_late() -> None:
    """Neither one that shares its slot, stamped minutes before, nor its own stamps of two minutes in turn begin it anew."""
    start, slots = -START_MS % 60_000 + 120_000, 1 << 14
    mine = hash_text("bot", HASH_KEY) % slots
    late = next(name for name in map(str, range(1_000_000)) if hash_text(name, HASH_KEY) % slots == mine)
    assert _found([("bot", start), ("bot", start), ("bot", start), (late, start - 120_000)] * 4, PaceWatch.of(_LIMIT)) == [
        hash_text("bot", HASH_KEY)
    ]
    assert _found([("bot", start), ("bot", start - 60_000)] * 6, PaceWatch.of(_LIMIT)) == [hash_text("bot", HASH_KEY)]


def test_what_is_excluded_already_is_not_found_again() -> None:
    """An excluded session's interactions are not watched; without a limit, nobody's are."""
    assert _found([("bot", 0)] * 20, PaceWatch.of(_LIMIT), EXCLUDED) == []
    assert _found([("bot", 0)] * 20, PaceWatch.of(0)) == []
