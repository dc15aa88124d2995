"""The compiled statistics against the oracle, to the bit, however the log is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from schemas.hashing import hash_text
from schemas.interactions import KINDS
from scoring.statistics import aggregation
from scoring.statistics.aggregation import clip_range
from scoring.statistics.pages import CLIPS_PER_PAGE, page_key
from scoring.statistics.partition import PartitionStatistics, next_fit_after
from scoring.statistics.sessions import session_key
from tests.scoring.logs import HASH_KEY, LIMITS, START_MS, columns_of, cuts, events, live_sessions, statistics
from tests.scoring.oracle import Event, Memory, Oracle, clips_of

_FATES = {
    aggregation.APPLIED: "applied",
    aggregation.DUPLICATE: "duplicate",
    aggregation.TOO_LATE: "too_late",
    aggregation.CLOCK_AHEAD: "clock_ahead",
    aggregation.WRONG_PARTITION: "wrong_partition",
}


def _apply(found: PartitionStatistics, log: list[Event]) -> list[str]:
    fates = found.apply(*columns_of(log))
    return [_FATES[fate] for fate in fates.tolist()]


def _assert_same_clips(found: PartitionStatistics, oracle: Oracle) -> None:
    pages = found.pages
    size = int(pages.size[0])
    at, clips = np.nonzero(pages.latest_ms[:size] >= 0)
    named = {
        (found.video_ids[int(pages.video[row])].decode(), int(pages.page_index[row]) * CLIPS_PER_PAGE + clip): (row, clip)
        for row, clip in zip(at.tolist(), clips.tolist(), strict=True)
    }
    assert named.keys() == oracle.clips.keys()
    for name, (row, clip) in named.items():
        expected = oracle.clips[name]
        assert pages.counts[row, :, clip].tolist() == [expected.counts.get(kind, 0) for kind in KINDS], name
        assert int(pages.latest_ms[row, clip]) == expected.latest_ms, name
        assert int(pages.changed_offset[row, clip]) == expected.changed_offset, name
        for kind, kind_name in enumerate(KINDS):
            assert tuple(pages.decayed[row, :, kind, clip].tolist()) == oracle.era_sums(expected, kind_name), (name, kind_name)
    never = pages.latest_ms[:size] < 0
    assert not pages.counts[:size].transpose(0, 2, 1)[never].any()


def _record(memory: Memory, page: int) -> tuple[int, list[int], tuple[int, ...] | None]:
    bits = [sum(1 << (clip % CLIPS_PER_PAGE) for name, clip in memory.counted if name == kind) for kind in KINDS]
    seek = memory.seek
    waiting = (KINDS.index(seek.kind), seek.time_ms, seek.from_ms, seek.to_ms) if seek and page == 0 else None
    return memory.touched_ms, bits, waiting


def _key(session: str, video: str, page: int) -> int:
    video_page = np.uint64(page_key(np.uint64(hash_text(video, HASH_KEY)), page))
    return int(session_key(np.uint64(hash_text(session, HASH_KEY)), video_page))


def _assert_same_sessions(found: PartitionStatistics, oracle: Oracle) -> None:
    expected = {_key(*place): _record(memory, place[2]) for place, memory in oracle.live().items()}
    live = {
        int(record["key"]): (
            int(record["touched_ms"]),
            record["bits"].tolist(),
            (int(record["seek_kind"]), int(record["seek_at_ms"]), int(record["seek_from_ms"]), int(record["seek_to_ms"]))
            if record["seek_kind"]
            else None,
        )
        for record in live_sessions(found)
    }
    assert live == expected


def _assert_same(found: PartitionStatistics, oracle: Oracle) -> None:
    assert int(found.clock.newest_ms[0]) == oracle.newest_ms
    assert int(found.clock.searching[0]) == oracle.searching
    _assert_same_clips(found, oracle)
    _assert_same_sessions(found, oracle)


@settings(max_examples=100)
@given(events(), st.lists(st.integers(0, 1000), max_size=6))
def test_statistics_are_those_of_the_oracle_however_the_log_is_cut(log: list[Event], borders: list[int]) -> None:
    """Fates, counts, decayed sums, clock, and what is remembered of sessions equal the oracle's for every cut of every log."""
    oracle, found = Oracle(LIMITS), statistics()
    expected = [oracle.apply(event) for event in log]
    assert [fate for piece in cuts(log, borders) for fate in _apply(found, piece)] == expected
    _assert_same(found, oracle)


@settings(max_examples=30)
@given(events(most=25))
def test_event_by_event_is_the_same_as_at_once(log: list[Event]) -> None:
    """Chunks of one event give the bits of one chunk of all."""
    one, all_at_once = statistics(), statistics()
    fates = [_apply(one, [event])[0] for event in log]
    assert fates == _apply(all_at_once, log)
    _assert_same_pages(one, all_at_once)


def _assert_same_pages(one: PartitionStatistics, other: PartitionStatistics) -> None:
    for mine, theirs in zip(_records(one), _records(other), strict=True):
        assert mine.tobytes() == theirs.tobytes()


def _records(found: PartitionStatistics) -> NDArray[np.void]:
    records = found.pages.records(np.arange(int(found.pages.size[0])))
    return records[np.argsort(records["key"])]


def _play(offset: int, session: str, time_ms: int, from_ms: int, to_ms: int, video: str = "v1", kind: str = "play") -> Event:
    return Event(offset, time_ms, kind, video, session, time_ms, from_ms, to_ms)


@pytest.mark.parametrize("events_of_a_chunk", [7, 1_000, 6_000])
def test_growth_of_tables_changes_nothing(events_of_a_chunk: int) -> None:
    """Thousands of sessions and pages, many times the first room, some forgotten on the way: still the oracle's bits."""
    draw = np.random.default_rng(5)
    log = []
    for offset in range(6_000):
        start = int(draw.integers(0, 3_000_000))
        kind = KINDS[int(draw.integers(0, 4))]
        ends = (start, start + 1 + int(draw.integers(0, 60_000)))
        session = f"s{int(draw.integers(0, 4_000))}"
        video = f"v{int(draw.integers(0, 60))}"
        log.append(_play(offset, session, START_MS + 20 * offset, *(ends[::-1] if kind == "rewind" else ends), video, kind))
    oracle, found = Oracle(LIMITS), statistics()
    expected = [oracle.apply(event) for event in log]
    fates = [_apply(found, log[start : start + events_of_a_chunk]) for start in range(0, len(log), events_of_a_chunk)]
    assert [fate for some in fates for fate in some] == expected
    assert int(found.pages.size[0]) > 256
    _assert_same(found, oracle)


def test_a_few_events_over_whole_days_fit() -> None:
    """Each of 40 sessions watches the longest video from end to end: 270 pages of records an event, without a break."""
    log = [_play(offset, f"s{offset}", START_MS + offset, 0, 86_400_000) for offset in range(40)]
    oracle, found = Oracle(LIMITS), statistics()
    assert _apply(found, log) == [oracle.apply(event) for event in log]
    _assert_same(found, oracle)


@given(st.sampled_from(range(4)), st.integers(0, 86_400_000), st.integers(0, 86_400_000))
def test_clips_of_a_range_are_those_whose_middle_lies_in_it(kind: int, one: int, other: int) -> None:
    """First and last clip of an interaction bound exactly the clips that the rule names."""
    start, end = (max(one, other), min(one, other)) if KINDS[kind] == "rewind" else (min(one, other), max(one, other))
    if start == end and KINDS[kind] != "play":
        return
    first, last = clip_range(kind, start, end)
    assert list(range(first, last + 1)) == clips_of(KINDS[kind], start, end)


def test_no_clip_lies_behind_the_longest_video() -> None:
    """The largest position gives the last clip of 24 hours, 8,639, for every kind."""
    end = 86_400_000
    assert [clip_range(kind, *((end, end - 1) if kind == 2 else (end - 1, end)))[1] for kind in (1, 2)] == [8_639, 8_639]
    assert clip_range(0, 0, end) == (0, 8_639)


def _one_clip(found: PartitionStatistics, log: list[Event]) -> tuple[list[str], dict[str, int]]:
    fates = _apply(found, log)
    counts = found.pages.counts[: int(found.pages.size[0])].sum(axis=(0, 2))
    return fates, dict(zip(KINDS, counts.tolist(), strict=True))


def test_a_session_counts_once_per_clip_and_kind() -> None:
    """The same play again is a duplicate and adds nothing."""
    play = _play(0, "s1", START_MS, 0, 10_000)
    assert _one_clip(statistics(), [play, play._replace(offset=1)]) == (
        ["applied", "duplicate"],
        {"play": 1, "share": 0, "rewind": 0, "fast_forward": 0},
    )


@pytest.mark.parametrize(("dwell_ms", "rewinds"), [(2_999, 0), (3_000, 1)])
def test_a_seek_counts_when_the_session_stays_for_three_seconds(dwell_ms: int, rewinds: int) -> None:
    """An event 3,000 ms after a seek confirms it; one at 2,999 ms does not yet."""
    log = [_play(0, "s1", START_MS, 30_000, 5_000, kind="rewind"), _play(1, "s1", START_MS + dwell_ms, 5_000, 6_000)]
    assert _one_clip(statistics(), log)[1]["rewind"] == rewinds


def test_a_seek_soon_after_another_makes_the_first_searching() -> None:
    """Of two seeks within three seconds only the second can count."""
    log = [
        _play(0, "s1", START_MS, 30_000, 5_000, kind="rewind"),
        _play(1, "s1", START_MS + 1_000, 5_000, 36_000, kind="fast_forward"),
        _play(2, "s1", START_MS + 9_000, 36_000, 37_000),
    ]
    found = statistics()
    counts = _one_clip(found, log)[1]
    assert (counts["rewind"], counts["fast_forward"]) == (0, 4)
    assert int(found.clock.searching[0]) == 1


def test_a_seek_that_arrives_after_a_later_one_is_searching() -> None:
    """Of two seeks out of order the later one waits on, and the older one is dropped."""
    log = [
        _play(0, "s1", START_MS, 30_000, 5_000, kind="rewind"),
        _play(1, "s1", START_MS - 1_000, 5_000, 36_000, kind="fast_forward"),
        _play(2, "s1", START_MS + 9_000, 5_000, 6_000),
    ]
    found = statistics()
    counts = _one_clip(found, log)[1]
    assert (counts["rewind"], counts["fast_forward"]) == (1, 0)
    assert int(found.clock.searching[0]) == 1


def test_a_forgotten_session_counts_anew() -> None:
    """After the session window a session that comes back is another one."""
    again_ms = START_MS + LIMITS.window_ms + 1
    log = [_play(0, "s1", START_MS, 0, 10_000), _play(1, "s1", again_ms, 0, 10_000)]
    assert _one_clip(statistics(), log)[1]["play"] == 2


def test_a_clip_does_not_change_without_an_event_of_its_own() -> None:
    """A neighbour on the same page that is watched eras later leaves a clip's decayed sums and recent counts as they are."""
    found = statistics()
    _apply(found, [_play(0, "s1", START_MS, 0, 10_000)])
    before = found.signals(found.dirty_clips())
    first = found.dirty_clips()
    _apply(found, [_play(1, "s2", START_MS + 40 * 16 * LIMITS.half_life_ms, 10_000, 20_000)])
    np.testing.assert_array_equal(found.signals(first).sessions, before.sessions)
    assert before.sessions[0, 0] == pytest.approx(1, abs=3e-3)


def test_fits_come_at_powers_of_four_and_then_every_four_million_offsets() -> None:
    """The schedule of fits is a function of the offset alone and always lies ahead."""
    schedule: list[int] = []
    at = 0
    while len(schedule) < 9:
        at = next_fit_after(at)
        schedule.append(at)
    assert schedule[:6] == [1 << power for power in range(12, 23, 2)]
    assert schedule[6:] == [2 << 22, 3 << 22, 4 << 22]
    assert all(next_fit_after(offset) > offset for offset in (0, 4_095, 4_096, 1 << 22, (1 << 22) + 1, 10**10))
