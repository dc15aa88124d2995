"""What is worked out between the moments of a player."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.interactions import Interaction
from streams.adapters.moment import Change, Moment
from streams.adapters.spans import Spans

_HOUR_MS = 3_600_000
_START_MS = 1_790_000_000_000


def _moment(change: Change, at_s: float, after_s: float, from_s: float | None = None, session: str = "s") -> Moment:
    return Moment(change, "film", session, None, _START_MS + round(after_s * 1000), at_s, from_s)


def _made(*moments: Moment) -> list[tuple[str, float, float]]:
    spans = Spans(_HOUR_MS)
    return [(made.kind, made.from_s, made.to_s) for moment in moments for made in spans.apply([moment])]


def test_play_and_stop_are_one_span() -> None:
    """What lies between a play and a stop was watched."""
    assert _made(_moment(Change.PLAYS, 5, 0), _moment(Change.STOPS, 25, 20)) == [("play", 5, 25)]


def test_a_heartbeat_ends_a_span_and_begins_the_next() -> None:
    """What was watched is told at each heartbeat, not only at the end."""
    beats = [_moment(Change.PLAYS, second, second) for second in (0, 10, 20)]
    assert _made(*beats) == [("play", 0, 10), ("play", 10, 20)]


def test_a_jump_ends_a_span_and_playing_goes_on_where_it_lands() -> None:
    """The span before a jump, the jump, the span after it."""
    moments = _moment(Change.PLAYS, 0, 0), _moment(Change.JUMPS, 90, 12, from_s=12), _moment(Change.STOPS, 100, 22)
    assert _made(*moments) == [("play", 0, 12), ("fast_forward", 12, 90), ("play", 90, 100)]


def test_a_jump_in_two_events_is_one_jump() -> None:
    """Where it was left first and where it landed at last count, whatever lies between."""
    moments = (
        _moment(Change.PLAYS, 50, 0),
        _moment(Change.LEAVES, 60, 10),
        _moment(Change.LEAVES, 40, 10.5),
        _moment(Change.PLAYS, 30, 11),
        _moment(Change.LANDS, 20, 12),
        _moment(Change.STOPS, 25, 17),
    )
    assert _made(*moments) == [("play", 50, 60), ("rewind", 60, 20), ("play", 20, 25)]


def test_a_seek_that_waits_for_data_is_a_seek() -> None:
    """A player that pauses or waits for data while it is moved has been moved; whether it plays then is what it said last."""
    left = _moment(Change.PLAYS, 0, 0), _moment(Change.LEAVES, 15, 15)
    waits, goes_on = _moment(Change.STOPS, 60, 16), _moment(Change.PLAYS, 60, 17)
    lands, stops = _moment(Change.LANDS, 60, 18), _moment(Change.STOPS, 70, 28)
    seek = [("play", 0, 15), ("fast_forward", 15, 60)]
    assert _made(*left, waits, goes_on, lands, stops) == [*seek, ("play", 60, 70)]
    assert _made(*left, waits, lands, goes_on, stops) == [*seek, ("play", 60, 70)]
    assert _made(*left, waits, lands, stops) == seek


def test_a_seek_that_an_end_cuts_off_is_none() -> None:
    """A player that ends while it is moved lands nowhere."""
    moments = _moment(Change.PLAYS, 0, 0), _moment(Change.LEAVES, 15, 15), _moment(Change.ENDS, 60, 16)
    assert _made(*moments, _moment(Change.LANDS, 60, 17)) == [("play", 0, 15)]


def test_a_seek_of_which_only_the_landing_is_told() -> None:
    """It was left where playing must have come to, at the speed that the player names."""
    plays, lands, beat = _moment(Change.PLAYS, 0, 0), _moment(Change.LANDS, 25, 5), _moment(Change.PLAYS, 35, 15)
    assert _made(plays, lands, beat) == [("play", 0, 5), ("fast_forward", 5, 25), ("play", 25, 35)]
    assert _made(plays, lands._replace(speed=2.0)) == [("play", 0, 10), ("fast_forward", 10, 25)]
    assert _made(plays, _moment(Change.LANDS, 3, 30)) == [("play", 0, 30), ("rewind", 30, 3)]


def test_a_seek_that_is_told_by_waiting_for_data_and_landing() -> None:
    """Where a player waits for data, and playing cannot have led there, it was moved, if it lands before it goes on."""
    plays, waits, lands = _moment(Change.PLAYS, 0, 0), _moment(Change.WAITS, 90, 60), _moment(Change.LANDS, 90, 61)
    goes_on, stops = _moment(Change.PLAYS, 90, 62), _moment(Change.STOPS, 100, 72)
    seek = [("play", 0, 60), ("fast_forward", 60, 90)]
    assert _made(plays, waits, lands, goes_on, stops) == [*seek, ("play", 90, 100)]
    assert _made(plays, waits, lands, _moment(Change.LANDS, 20, 61.5)) == [*seek, ("rewind", 90, 20)]
    assert _made(plays, waits, goes_on, lands, stops) == [("play", 0, 60), ("play", 90, 100)]
    waits = _moment(Change.WAITS, 61, 60)
    assert _made(plays, waits, _moment(Change.PLAYS, 61, 70), _moment(Change.STOPS, 71, 80)) == [
        ("play", 0, 61),
        ("play", 61, 71),
    ]


def test_a_landing_where_playing_has_come_to_is_no_seek() -> None:
    """Players that are put right by a fraction of a second say so, too."""
    assert _made(_moment(Change.PLAYS, 0, 0), _moment(Change.LANDS, 6, 5), _moment(Change.STOPS, 16, 15)) == [
        ("play", 0, 6),
        ("play", 6, 16),
    ]


def test_a_landing_that_nothing_is_known_before_is_where_playing_goes_on() -> None:
    """Neither a player that stands still nor one that was silent for long has left a place that could be told."""
    assert _made(_moment(Change.LANDS, 25, 5), _moment(Change.STOPS, 30, 10)) == []
    silent = _moment(Change.PLAYS, 0, 0), _moment(Change.LANDS, 25, 3_000), _moment(Change.STOPS, 30, 3_005)
    assert _made(*silent) == [("play", 25, 30)]


def test_an_event_that_is_refused_leaves_its_player_as_it_was() -> None:
    """What played goes on as if the event had not come, and nothing is made of a part of it."""
    spans = Spans(_HOUR_MS)
    spans.apply([_moment(Change.WATCHED, 10, 0, from_s=0)], offset=3)
    with pytest.raises(ValidationError):
        spans.apply([_moment(Change.WATCHED, 20, 10, from_s=10), _moment(Change.WATCHED, 90_000, 10, from_s=20)], offset=4)
    assert spans.first_offset == 3
    made = spans.apply([_moment(Change.WATCHED, 20, 10, from_s=10)], offset=5)
    assert [(one.kind, one.from_s, one.to_s) for one in made] == [("play", 10, 20)]


def test_a_paused_player_that_is_moved_has_watched_nothing() -> None:
    """A jump while it stands still is a jump alone."""
    assert _made(_moment(Change.JUMPS, 30, 0, from_s=5), _moment(Change.STOPS, 30, 60)) == [("fast_forward", 5, 30)]


def test_what_cannot_have_been_played_in_the_time_was_not_watched() -> None:
    """A jump that nobody told of makes no span, forwards or backwards."""
    for lands in (500.0, 3.0):
        assert _made(_moment(Change.PLAYS, 10, 0), _moment(Change.PLAYS, lands, 5)) == []


def test_stretches_tell_of_the_jumps_between_them() -> None:
    """A stretch that begins elsewhere than the one before ended is a jump; one that is told twice is told once."""
    first, second = _moment(Change.WATCHED, 10, 10, from_s=0), _moment(Change.WATCHED, 50, 30, from_s=40)
    assert _made(first, first, second) == [("play", 0, 10), ("fast_forward", 10, 40), ("play", 40, 50)]


def test_a_stretch_that_is_watched_again_is_no_repetition() -> None:
    """Another start, or another time, makes another stretch, even where it ends at the same place."""
    first, again = _moment(Change.WATCHED, 300, 300, from_s=0), _moment(Change.WATCHED, 300, 310, from_s=290)
    told = [("play", 0, 300), ("rewind", 300, 290), ("play", 290, 300)]
    assert _made(first, again) == told
    assert _made(first, again, again._replace(time_ms=again.time_ms + 10_000)) == [
        *told,
        ("rewind", 300, 290),
        ("play", 290, 300),
    ]


def test_an_event_of_many_stretches_that_is_sent_twice_is_told_once() -> None:
    """All its stretches are compared."""
    event = [_moment(Change.WATCHED, 15, 30, from_s=10.5), _moment(Change.WATCHED, 70, 30, from_s=60)]
    spans = Spans(_HOUR_MS)
    assert len(spans.apply(event)) == 3
    assert spans.apply(event) == []


def test_a_silent_player_is_forgotten_by_when_events_are_received() -> None:
    """A player of which nothing is received for too long is forgotten; one with a clock of its own ages nobody."""
    spans = Spans(idle_ms=1_000)
    spans.apply([_moment(Change.PLAYS, 0, 0, session="old")], offset=7, received_ms=10_000)
    spans.apply([_moment(Change.PLAYS, 0, 9e8, session="ahead")], offset=8, received_ms=10_500)
    assert spans.first_offset == 7
    spans.apply([_moment(Change.PLAYS, 0, 1, session="new")], offset=9, received_ms=11_001)
    assert spans.first_offset == 8


def test_in_a_file_a_silent_player_is_forgotten_by_the_events_own_times() -> None:
    """Where it is not known when events were received, it was not before the newest time so far, whatever order they come in."""
    spans = Spans(idle_ms=1_000)

    def first_after(change: Change, session: str, after_s: float, offset: int) -> int | None:
        spans.apply([_moment(change, 0, after_s, session=session)], offset=offset)
        return spans.first_offset

    assert first_after(Change.PLAYS, "old", 0.0, 0) == 0
    assert first_after(Change.PLAYS, "new", 1.5, 1) == 1
    assert first_after(Change.PLAYS, "late", 0.2, 2) == 1
    assert first_after(Change.ENDS, "new", 1.6, 3) == 2
    assert first_after(Change.PLAYS, "newest", 2.7, 4) == 4


def test_open_players_are_bounded() -> None:
    """Beyond the limit the one that was silent longest is forgotten."""
    spans = Spans(_HOUR_MS, max_open=3)
    for number in range(10):
        spans.apply([_moment(Change.PLAYS, 0, number, session=f"s{number}")], offset=number)
    assert spans.first_offset == 7


_MOMENTS = st.lists(
    st.tuples(
        st.sampled_from([change for change in Change if change is not Change.WATCHED]),
        st.sampled_from("abc"),
        st.integers(0, 100),
        st.integers(0, 100),
        st.integers(0, 20),
    ),
    max_size=60,
)


def _stream(drawn: list[tuple[Change, str, int, int, int]]) -> list[Moment]:
    now, moments = 0, []
    for change, session, at, left, passed in drawn:
        now += passed
        moments.append(_moment(change, at, now, left if change is Change.JUMPS else None, session))
    return moments


@given(_MOMENTS, st.integers(0, 60))
def test_state_is_made_again_from_its_first_offset(drawn: list[tuple[Change, str, int, int, int]], stop: int) -> None:
    """Whoever stops anywhere and begins again at `first_offset` makes the same of what follows."""
    moments = _stream(drawn)
    whole, stop = Spans(_HOUR_MS), min(stop, len(moments))
    for offset, moment in enumerate(moments[:stop]):
        whole.apply([moment], offset)
    first = stop if whole.first_offset is None else whole.first_offset
    again = Spans(_HOUR_MS)
    for offset, moment in enumerate(moments[first:stop], first):
        again.apply([moment], offset)
    rest = list(enumerate(moments[stop:], stop))
    assert [again.apply([moment], offset) for offset, moment in rest] == [
        whole.apply([moment], offset) for offset, moment in rest
    ]


@given(_MOMENTS)
def test_nothing_is_made_that_the_contract_refuses(drawn: list[tuple[Change, str, int, int, int]]) -> None:
    """Whatever players say, each interaction is a valid message, and no span is longer than can have been played."""
    spans = Spans(_HOUR_MS)
    for moment in _stream(drawn):
        for made in spans.apply([moment]):
            assert Interaction.model_validate_json(made.to_json()) == made
            assert made.kind != "play" or made.from_s < made.to_s
