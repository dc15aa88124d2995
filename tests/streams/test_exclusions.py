"""Exclusions: a state that takes another's place, whatever happens meanwhile, is as if the excluded had never been."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import scoring.rates
import scoring.statistics.partition
from schemas.dead_letters import Reason
from schemas.errors import ConfigurationError
from schemas.exclusions import Excluded, ExclusionKind
from schemas.hashing import hash_text
from streams.exclusions import restore
from streams.settings import Settings
from streams.state import PartitionState
from tests.scoring.logs import HASH_KEY, LIMITS, SESSIONS, START_MS, events, message
from tests.scoring.oracle import Event
from tests.streams.world import (
    KEY,
    Crash,
    Message,
    Moment,
    World,
    assert_same_state,
    chunk_of,
    known_rows,
    page_records,
    session_records,
)


@pytest.fixture(autouse=True)
def _frequent_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fit the prior every few offsets, and from so few clips that it changes."""
    monkeypatch.setattr(scoring.statistics.partition, "_FIRST_FIT", 4)
    monkeypatch.setattr(scoring.statistics.partition, "_FITS_EVERY", 16)
    monkeypatch.setattr(scoring.rates, "_MIN_EXPOSURES", 1)
    monkeypatch.setattr(scoring.rates, "_MIN_CLIPS", 2)


class Step(NamedTuple):
    """One thing that a worker does, or that happens to it."""

    what: str
    messages: int = 0
    session: str = SESSIONS[0]
    moment: Moment | None = None


_steps = st.lists(
    st.one_of(
        st.builds(Step, st.just("apply"), st.integers(1, 15)),
        st.builds(Step, st.just("exclude"), session=st.sampled_from(SESSIONS)),
        st.builds(Step, st.just("readmit"), session=st.sampled_from(SESSIONS)),
        st.builds(Step, st.just("replace"), moment=st.none() | st.sampled_from([Moment.BEFORE, Moment.COMMITTED])),
        st.builds(Step, st.just("flush"), moment=st.none() | st.sampled_from(Moment)),
        st.just(Step("kill")),
    ),
    max_size=15,
)
_law = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def _source(log: list[Event]) -> list[Message]:
    return [Message(event.offset, event.stamp_ms, message(event)) for event in log]


def _take(world: World, step: Step) -> None:
    if step.what == "apply":
        world.apply(step.messages)
    elif step.what in ("exclude", "readmit"):
        world.exclude(step.session, back=step.what == "readmit")
    elif step.what == "kill":
        world.restart()
    else:
        world.crash_at = step.moment
        (world.flush if step.what == "flush" else world.replace_state)()
        world.crash_at = None


@_law
@given(events(), _steps)
def test_a_replaced_state_is_that_of_a_log_without_the_excluded(log: list[Event], steps: list[Step]) -> None:
    """After any exclusions, readmissions, replacements, flushes and crashes, state and rows are those of a fresh computation."""
    world = World(_source(log), [])
    for step in steps:
        try:
            _take(world, step)
        except Crash:
            world.restart()
    world.crash_at = None
    world.replace_state()
    world.finish()
    expected = PartitionState(LIMITS.partition, LIMITS.partitions, KEY, world.state.wanted)
    expected.apply_interactions(chunk_of(world.source))
    assert_same_state(world.state, expected)
    rows = known_rows(expected)
    epoch = world.state.ledger.epoch << 48
    assert {clip: world.clip_scores[clip] for clip in rows} == {
        clip: row | {"version": row["version"] + epoch} for clip, row in rows.items()
    }
    assert all(row["event_at"] is None for clip, row in world.clip_scores.items() if clip not in rows)
    world.restart()
    assert_same_state(world.state, expected)


@_law
@given(events(), st.sets(st.sampled_from(SESSIONS)))
def test_an_excluded_session_has_never_been(log: list[Event], sessions: set[str]) -> None:
    """Pages, sessions, clock and prior are those of a log in which its messages say nothing."""
    excluded = frozenset(Excluded(ExclusionKind.SESSION, hash_text(session, HASH_KEY)) for session in sessions)
    found = PartitionState(LIMITS.partition, LIMITS.partitions, KEY, excluded)
    found.apply_interactions(chunk_of(_source(log)))
    expected = PartitionState(LIMITS.partition, LIMITS.partitions, KEY)
    silent = [(event, b"{" if event.session in sessions else message(event)) for event in log]
    expected.apply_interactions(chunk_of([Message(event.offset, event.stamp_ms, value) for event, value in silent]))
    assert page_records(found) == page_records(expected)
    assert session_records(found) == session_records(expected)
    assert found.statistics.clock.newest_ms == expected.statistics.clock.newest_ms
    assert found.statistics.prior.mean.tobytes() == expected.statistics.prior.mean.tobytes()
    assert found.ledger.excluded == sum(event.session in sessions for event in log)
    assert found.ledger.applied == expected.ledger.applied


def _play(offset: int, session: str, viewer: str, time_ms: int = START_MS) -> Message:
    value = (
        f'{{"schema_version":1,"kind":"play","video_id":"v1","session_id":"{session}","viewer_id":"{viewer}",'
        f'"occurred_at_ms":{time_ms},"from_s":0,"to_s":10}}'
    )
    return Message(offset, START_MS, value.encode())


def test_a_viewer_is_excluded_in_all_sessions_and_no_session_by_a_viewer_s_name() -> None:
    """Exclusion of viewer x concerns x's sessions, and not a session that happens to be called x."""
    excluded = frozenset({Excluded(ExclusionKind.VIEWER, hash_text("x", HASH_KEY))})
    state = PartitionState(LIMITS.partition, LIMITS.partitions, KEY, excluded)
    state.apply_interactions(chunk_of([_play(0, "a", "x"), _play(1, "b", "x"), _play(2, "x", "y")]))
    assert (state.ledger.excluded, state.ledger.applied) == (2, 1)


def test_exclusions_that_cannot_be_computed_again_hold_from_then_on() -> None:
    """Where retention has deleted the beginning, what was counted stays, and what comes is passed over, after a crash too."""
    world = World([_play(offset, f"s{offset % 2}", "x") for offset in range(4)], [])
    world.apply(2)
    world.exclude("s1")
    world.state.exclude_from_now_on()
    world.flush()
    world.restart()
    world.finish()
    assert (world.state.ledger.excluded, world.state.ledger.applied, world.state.ledger.duplicates) == (1, 2, 1)
    assert not world.state.is_outdated


@pytest.mark.parametrize("backs", [[False, True], [False, True, False], [False, True, False, True]])
def test_who_is_excluded_and_readmitted_between_two_flushes_leaves_a_whole_changelog(backs: list[bool]) -> None:
    """The changelog holds exactly those who are excluded in the end, else no worker could take the state up again."""
    world = World([_play(offset, f"s{offset % 2}", "x") for offset in range(4)], [])
    world.apply(2)
    world.flush()
    for back in backs:
        world.exclude("s1", back=back)
        world.state.exclude_from_now_on()
    excluded = world.state.excluded
    world.flush()
    world.restart()
    assert world.state.excluded == excluded
    assert bool(excluded) is not backs[-1]


def test_a_broken_exclusion_is_a_dead_letter_and_excludes_nobody() -> None:
    """A message that names nobody, or says it wrongly, is kept with its reason."""
    state = PartitionState(LIMITS.partition, LIMITS.partitions, KEY)
    messages = [Message(0, 0, b"{"), Message(1, 0, b'{"schema_version":1,"reason":"r","excluded_at_ms":1}')]
    state.note_exclusions(chunk_of(messages, "exclusions", [b"session:0011223344556677", b"somebody"]))
    flush = state.take_flush()
    reasons = [dict(letter.headers)["highlights.reason"].decode() for letter in flush.dead_letters]
    assert reasons == [Reason.INVALID_JSON, Reason.INVALID_FIELD]
    assert not state.is_outdated
    assert flush.ledger.exclusions_offset == 1


def test_what_is_taken_back_while_a_state_is_computed_is_done_with() -> None:
    """Somebody excluded and readmitted meanwhile makes nothing outdated, and the group hears that the messages are read."""
    world = World([_play(offset, f"s{offset}", "x") for offset in range(3)], [])
    world.apply(3)
    world.exclude("s1")

    def meanwhile() -> None:
        world.exclude("s2")
        world.exclude("s2", back=True)

    world.replace_state(meanwhile)
    assert not world.state.is_outdated
    assert world.state.ledger.exclusions_offset == 2
    assert world.state.is_touched


_WHEN = '"excluded_at":"2026-11-23T10:00:00+00:00"'


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '[{"key":"viewer:0011223344556677"}]',
        f'[{{"key":"x","reason":"r",{_WHEN}}}]',
        f'[{{"key":"viewer:0011223344556677","reason":"",{_WHEN}}}]',
    ],
)
def test_a_file_that_is_no_list_of_exclusions_is_refused(tmp_path: Path, text: str) -> None:
    """The error names the file, and nothing of it is sent."""
    file = tmp_path / "exclusions.json"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"exclusions\.json is no list as"):
        restore(Settings(data_dir=tmp_path), 1, file)
    with pytest.raises(ConfigurationError, match=r"none\.json is no list as .*No such file"):
        restore(Settings(data_dir=tmp_path), 1, tmp_path / "none.json")


def test_exclusions_survive_in_the_changelog() -> None:
    """A recovered state passes over the same sessions, without reading their topic again."""
    world = World([_play(offset, f"s{offset}", "x") for offset in range(3)], [])
    world.apply(2)
    world.exclude("s1")
    world.replace_state()
    world.flush()
    world.exclusions.clear()
    world.restart()
    world.finish()
    assert (world.state.ledger.excluded, world.state.ledger.applied) == (1, 2)
    assert np.array_equal(world.state.statistics.exclusions.sessions, [hash_text("s1", HASH_KEY)])
