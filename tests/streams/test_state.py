"""State over crashes: recovered state, replayed source and published rows equal those of a run that nothing interrupted."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import scoring.rates
import scoring.statistics.partition
from schemas.dead_letters import Reason
from schemas.errors import StateError
from schemas.interactions import KINDS
from streams.changelog import LEDGER, PAGE, SEGMENT
from streams.state import PartitionState
from streams.state_key import StateKey
from tests.scoring.logs import LIMITS, START_MS, events, message
from tests.scoring.oracle import Event, Oracle
from tests.streams.world import (
    KEY,
    Crash,
    Message,
    Moment,
    World,
    assert_same_state,
    chunk_of,
    compacted,
    known_rows,
    new_state,
    page_records,
    recovered,
)

_FIRST_FIT, _FITS_EVERY = 4, 16
_BROKEN = (None, b"{", b'{"schema_version":2}')


@pytest.fixture(autouse=True)
def _frequent_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fit the prior every few offsets, and from so few clips that it changes."""
    monkeypatch.setattr(scoring.statistics.partition, "_FIRST_FIT", _FIRST_FIT)
    monkeypatch.setattr(scoring.statistics.partition, "_FITS_EVERY", _FITS_EVERY)
    monkeypatch.setattr(scoring.rates, "_MIN_EXPOSURES", 1)
    monkeypatch.setattr(scoring.rates, "_MIN_CLIPS", 2)


class Step(NamedTuple):
    """One thing that a worker does, or that happens to it."""

    what: str
    messages: int = 0
    again: int = 0
    moment: Moment = Moment.COMMITTED


@st.composite
def _sources(draw: st.DrawFn) -> list[Message]:
    log = [Message(event.offset, event.stamp_ms, message(event)) for event in draw(events())]
    for at in draw(st.lists(st.integers(0, max(len(log) - 1, 0)), max_size=3)):
        if log:
            log[at] = log[at]._replace(value=draw(st.sampled_from(_BROKEN)))
    return log


@st.composite
def _supervised(draw: st.DrawFn) -> list[Message]:
    outputs = []
    for offset in range(draw(st.integers(0, 5))):
        clips = draw(st.lists(st.sampled_from([0, 1, 2, 3, 31, 32, 33, 2000]), unique=True, max_size=4))
        told = ",".join(
            f'{{"clip_index":{clip},"score_mean":{draw(st.integers(0, 10))},"score_sd":1.5'
            + draw(st.sampled_from(["", ',"celebrity":0.25']))
            + "}"
            for clip in clips
        )
        video = draw(st.sampled_from(["v1", "v9"]))
        value = f'{{"schema_version":1,"video_id":"{video}","model_version":"m","clips":[{told}]}}'.encode()
        outputs.append(Message(offset, START_MS, value if draw(st.integers(0, 9)) else b"["))
    return outputs


_moments = st.sampled_from(Moment)
_steps = st.lists(
    st.one_of(
        st.builds(Step, st.just("apply"), st.integers(1, 15), st.integers(0, 5)),
        st.builds(Step, st.just("apply"), st.integers(1, 15), st.integers(0, 5)),
        st.builds(Step, st.just("cache"), st.integers(1, 3), st.integers(0, 2)),
        st.just(Step("flush")),
        st.just(Step("kill")),
        st.builds(Step, st.just("crash"), moment=_moments),
        st.builds(Step, st.just("crash later"), moment=_moments),
    ),
    max_size=20,
)


def _run(world: World, steps: list[Step]) -> None:
    for step in steps:
        try:
            _take(world, step)
        except Crash:
            world.restart()
    world.finish()


def _take(world: World, step: Step) -> None:
    if step.what == "apply":
        world.apply(step.messages, step.again)
    elif step.what == "cache":
        world.cache(step.messages, step.again)
    elif step.what == "flush":
        world.flush()
    elif step.what == "kill":
        world.restart()
    else:
        world.crash_at = step.moment
        if step.what == "crash":
            world.flush()


def _uninterrupted(source: list[Message], supervised: list[Message]) -> PartitionState:
    state = new_state()
    state.apply_interactions(chunk_of(source))
    state.apply_supervised(chunk_of(supervised, "supervised-scores"))
    return state


def _assert_rows(world: World, expected: PartitionState) -> None:
    wanted = known_rows(expected)
    assert {clip: world.clip_scores[clip] for clip in wanted if clip in world.clip_scores} == wanted
    others = [row for clip, row in world.clip_scores.items() if clip not in wanted]
    assert all(row["exposures"] == 0 and row["supervised_score"] is None for row in others)


_law = settings(max_examples=70, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@_law
@given(_sources(), _supervised(), _steps, st.booleans())
def test_crashes_leave_no_trace(source: list[Message], supervised: list[Message], steps: list[Step], keep_all: bool) -> None:
    """After crashes at any moment of any flushes, state and published rows are those of an uninterrupted run.

    The changelog is read as it was written, or compacted; messages are delivered again; outputs come in between anywhere.
    """
    world = World(source, supervised, keep_all)
    _run(world, steps)
    expected = _uninterrupted(source, supervised)
    assert_same_state(world.state, expected)
    _assert_rows(world, expected)
    world.restart()
    assert_same_state(world.state, expected)


@_law
@given(_sources(), _steps)
def test_every_message_is_accounted_for(source: list[Message], steps: list[Step]) -> None:
    """In each ledger: applied + duplicates + dead letters = consumed, and consumed + missing = offsets passed."""
    world = World(source, [])
    _run(world, steps)
    for ledger in [*world.ledgers, world.state.ledger]:
        assert ledger.applied + ledger.duplicates + sum(ledger.dead_letters.values()) == ledger.consumed
        if ledger.consumed:
            assert ledger.consumed + ledger.missing == ledger.applied_offset - ledger.first_offset + 1


@_law
@given(_sources(), _steps)
def test_what_is_not_applied_is_among_the_dead_letters(source: list[Message], steps: list[Step]) -> None:
    """Each rejected message is sent, whole and with its reason, at least once, and no other message is."""
    world = World(source, [])
    _run(world, steps)
    sent = {}
    for letter in world.dead_letters:
        headers = dict(letter.headers)
        sent[int(headers["highlights.offset"])] = (letter.value, Reason(headers["highlights.reason"].decode()))
    values = {message.offset: message.value for message in source}
    assert all(values[offset] == value for offset, (value, _) in sent.items())
    assert Counter(reason.value for _, reason in sent.values()) == world.state.ledger.dead_letters


@_law
@given(events())
def test_fates_in_the_ledger_are_the_oracle_s(log: list[Event]) -> None:
    """Applied, duplicates, searching and each reason of rejection are counted as the oracle counts them."""
    oracle, state = Oracle(LIMITS), new_state()
    fates = Counter(oracle.apply(event) for event in log)
    state.apply_interactions(chunk_of([Message(event.offset, event.stamp_ms, message(event)) for event in log]))
    ledger = state.ledger
    found = Counter({"applied": ledger.applied, "duplicate": ledger.duplicates}) + Counter(ledger.dead_letters)
    assert found == fates
    assert ledger.searching == oracle.searching


def _long_source(count: int) -> list[Message]:
    draw = np.random.default_rng(11)
    log = []
    for offset in range(count):
        start = int(draw.integers(0, 400_000))
        kind = KINDS[int(draw.choice(4, p=[0.6, 0.1, 0.2, 0.1]))]
        ends = (start, start + 1 + int(draw.integers(0, 60_000)))
        time = START_MS + 700 * offset
        event = Event(
            offset, time, kind, ("v1", "v9", "v6")[int(draw.integers(0, 3))], f"s{int(draw.integers(0, 30))}", time,
            *(ends[::-1] if kind == "rewind" else ends),
        )  # fmt: skip
        log.append(Message(offset, time, message(event)))
    return log


def test_hundreds_of_flushes_and_crashes_leave_no_trace() -> None:
    """A flush after every event, far more of them than segments are kept, and a crash in every seventh: nothing is lost."""
    source = _long_source(300)
    world, draw = World(source, []), np.random.default_rng(12)
    for turn in range(600):
        try:
            world.apply(1)
            if turn % 7 == 0:
                world.crash_at = list(Moment)[int(draw.integers(0, 3))]
            world.flush()
        except Crash:
            world.restart()
    world.finish()
    expected = _uninterrupted(source, [])
    assert world.state.ledger.segment > 200
    assert_same_state(world.state, expected)
    _assert_rows(world, expected)


def test_segments_that_are_superfluous_are_deleted() -> None:
    """However many flushes there were, the compacted changelog holds the segments of the last 65 only."""
    world = World(_long_source(200), [])
    for _ in range(200):
        world.apply(1)
        world.flush()
    assert sum(key[:1] == SEGMENT for key, _ in compacted(world.changelog)) == 65


def test_a_recovered_state_has_nothing_to_flush() -> None:
    """Recovery alone changes nothing, so it writes nothing."""
    world = World(_long_source(30), [])
    world.apply(30)
    world.flush()
    world.restart()
    assert not world.state.is_touched


def test_a_flush_writes_only_pages_that_changed() -> None:
    """A flush after one play of one clip writes one page, though there are more."""
    first = [Event(offset, START_MS, "play", "v1", "s", START_MS, 0, 10_000 + 320_000 * offset) for offset in range(2)]
    later = Event(2, START_MS + 9_000, "play", "v1", "other", START_MS + 9_000, 0, 10_000)
    world = World([Message(event.offset, event.stamp_ms, message(event)) for event in [*first, later]], [])
    world.apply(2)
    world.flush()
    assert len(page_records(world.state)) == 2
    world.apply(1)
    flush = world.state.take_flush()
    assert flush is not None
    assert [key[:1] for key, _ in flush.records].count(b"P") == 1
    assert flush.clip_scores.num_rows == 1


@pytest.mark.parametrize(
    ("partitions", "key", "words"),
    [
        (LIMITS.partitions + 1, KEY, "made with 3 partitions"),
        (LIMITS.partitions, KEY._replace(max_message_bytes=9), "HIGHLIGHTS_WORKER__MAX_MESSAGE_BYTES"),
        (LIMITS.partitions, KEY._replace(rules=KEY.rules._replace(half_life_ms=1)), "HIGHLIGHTS_STATISTICS__"),
    ],
)
def test_state_made_under_other_rules_is_refused(partitions: int, key: StateKey, words: str) -> None:
    """A changelog of other rules or another number of partitions stops recovery, with the setting's name and a way out."""
    world = World(_long_source(5), [])
    world.apply(5)
    world.flush()
    with pytest.raises(StateError, match=f"{words}.*: set them back, or .* `highlights worker --rebuild`"):
        recovered(world.changelog, partitions, key)


@pytest.mark.parametrize("kind", [PAGE, SEGMENT, LEDGER])
def test_a_changelog_that_lacks_a_record_is_refused(kind: bytes) -> None:
    """Retention, truncation or a lost segment file cannot make a smaller state pass for the whole one."""
    world = World(_long_source(40), [])
    for _ in range(4):
        world.apply(10)
        world.flush()
    log = compacted(world.changelog)
    for place in (place for place, record in enumerate(log) if record.key[:1] == kind):
        with pytest.raises(StateError, match=r"damaged: .*highlights worker --rebuild"):
            recovered(log[:place] + log[place + 1 :])


def test_the_clock_of_events_survives_a_crash() -> None:
    """An event that is too late for the clock before a crash is too late after it."""
    newest = Event(0, START_MS, "play", "v1", "s", START_MS, 0, 10_000)
    late = Event(1, START_MS, "play", "v1", "t", START_MS - LIMITS.window_ms - 1, 0, 10_000)
    world = World([Message(event.offset, event.stamp_ms, message(event)) for event in (newest, late)], [])
    world.apply(1)
    world.flush()
    world.restart()
    world.apply(1)
    assert world.state.ledger.dead_letters == {"too_late": 1}
