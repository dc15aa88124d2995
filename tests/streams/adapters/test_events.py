"""Events written after each source's specification (named in its module), and the interactions that they make."""

from typing import Any

import orjson
import pytest

from schemas.dead_letters import Reason, Rejection
from schemas.interactions import Interaction
from streams.adapters.adapter import Adapter, EventSource
from tests.streams.adapters.samples import SITTINGS, VIDEO_VERBS, enriched, heartbeat, statement, track, tracking_log

_HOUR_MS = 3_600_000


def _made(source: EventSource, *events: Any) -> list[Interaction]:
    adapter, made = Adapter(source, _HOUR_MS), []
    for event in events:
        adapted = adapter.adapt(orjson.dumps(event))
        assert adapted.unread == []
        made += adapted.interactions
    return made


def _rejection(source: EventSource, value: bytes | None) -> Rejection:
    adapted = Adapter(source, _HOUR_MS).adapt(value)
    (unread,) = adapted.unread
    assert adapted.interactions == []
    assert unread.value == value
    return unread.rejection


def _told(interactions: list[Interaction]) -> list[tuple[str, float, float]]:
    return [(made.kind, made.from_s, made.to_s) for made in interactions]


def test_open_edx_in_a_browser() -> None:
    """Play, seek, pause of one session, with the user's number as the viewer."""
    made = _made(
        EventSource.OPENEDX,
        tracking_log("load_video", 0),
        tracking_log("play_video", 1, currentTime=0),
        tracking_log("seek_video", 11, old_time=10.2, new_time=95.5, type="onSlideSeek"),
        tracking_log("pause_video", 21, currentTime=105.25),
    )
    assert _told(made) == [("play", 0, 10.2), ("fast_forward", 10.2, 95.5), ("play", 95.5, 105.25)]
    first = made[0]
    assert (first.video_id, first.session_id) == ("ba666985e20d4eb18e593461c28790c0", "8940f3610cfb8825b7a7cd6b85bfa52f")
    assert (first.viewer_id, first.occurred_at_ms) == ("888888", 1_481_852_591_340)


def test_open_edx_in_an_app() -> None:
    """Apps name events otherwise, send `event` as an object, and have a device instead of a session."""

    def event(name: str, second: int, **inner: Any) -> dict[str, Any]:
        line = tracking_log(name, second)
        client = {"device": {"id": "d-17", "name": "noblelte"}}
        return line | {
            "session": "",
            "context": line["context"] | {"client": client},
            "event": {"id": "v1", "code": "mobile", **inner},
        }

    made = _made(
        EventSource.OPENEDX,
        event("edx.video.played", 1, currentTime=30),
        event("edx.video.position.changed", 6, old_time=35, new_time=5, requested_skip_interval=-30, type="skip"),
        event("edx.video.stopped", 9, currentTime=8),
    )
    assert _told(made) == [("play", 30, 35), ("rewind", 35, 5), ("play", 5, 8)]
    assert {interaction.session_id for interaction in made} == {"d-17"}


def test_xapi_statements() -> None:
    """Played, seeked, completed, paused, terminated; `initialized` says nothing of watching."""
    video, adl = VIDEO_VERBS, "http://adlnet.gov/expapi/verbs/"
    made = _made(
        EventSource.XAPI,
        statement(adl + "initialized", 0),
        statement(video + "played", 1, time=100),
        statement(video + "seeked", 6, time_from=105, time_to=40),
        statement(adl + "completed", 16, time=50),
        statement(video + "paused", 18, time=52),
        statement(adl + "terminated", 30, time=52),
    )
    assert _told(made) == [("play", 100, 105), ("rewind", 105, 40), ("play", 40, 50), ("play", 50, 52)]
    assert (made[0].video_id, made[0].viewer_id) == ("http://www.example.org/video/1", "https://lms.example.org|u-17")


def _with_context(context: dict[str, Any]) -> list[Interaction]:
    sitting = statement(VIDEO_VERBS + "played", 1, time=0.03), statement(VIDEO_VERBS + "paused", 9, time=8)
    return _made(EventSource.XAPI, *(one | {"context": context} for one in sitting))


def test_xapi_statements_of_open_edx() -> None:
    """Open edX names a session by its own extension, or none; its registration is the same in all sessions of a user."""
    session, registration = {"https://w3id.org/xapi/openedx/extensions/session-id": "e4858858"}, {"registration": "u-1"}
    for context, found in (
        ({"extensions": session} | registration, "e4858858"),
        (registration, "u-1"),
        ({}, "https://lms.example.org|u-17"),
    ):
        made = _with_context(context)
        assert _told(made) == [("play", 0.03, 8)]
        assert made[0].session_id == found


def test_xapi_accounts_of_two_systems_are_two_viewers() -> None:
    """A name is one only on its home page; what else identifies an actor stays as it is."""
    played, paused = statement(VIDEO_VERBS + "played", 1, time=0), statement(VIDEO_VERBS + "paused", 9, time=8)
    actors = [{"account": {"homePage": f"https://{host}.example.org", "name": "7"}} for host in ("a", "b")]
    for actor, found in zip(
        [*actors, {"mbox": "mailto:a@b.org"}],
        ["https://a.example.org|7", "https://b.example.org|7", "mailto:a@b.org"],
        strict=True,
    ):
        made = _made(EventSource.XAPI, played | {"actor": actor}, paused | {"actor": actor})
        assert [one.viewer_id for one in made] == [found]


def test_an_xapi_statement_without_a_time_has_that_of_its_store() -> None:
    """The time of a statement may be left out; the store adds its own."""
    sitting = statement(VIDEO_VERBS + "played", 1, time=0), statement(VIDEO_VERBS + "paused", 9, time=8)
    (made,) = _made(EventSource.XAPI, *({**one, "timestamp": None, "stored": one["timestamp"]} for one in sitting))
    assert made.occurred_at_ms == 1_795_428_009_000


def test_xapi_of_something_else_is_passed_over() -> None:
    """A course is completed and terminated too: that is nothing to us, and no dead letter."""
    completed = statement("http://adlnet.gov/expapi/verbs/completed", 0)
    completed["object"]["definition"]["type"] = "http://adlnet.gov/expapi/activities/course"
    assert _made(EventSource.XAPI, completed, {"verb": {"id": "http://adlnet.gov/expapi/verbs/answered"}}) == []


def test_segment_track_calls() -> None:
    """Started, heartbeat, seek in two events, paused; advertisements are passed over."""
    made = _made(
        EventSource.SEGMENT,
        track("Video Playback Started", 0, 0, content_asset_ids=["0129370"], ad_asset_id=["ad123"], ad_type=["mid-roll"]),
        track("Video Content Started", 0, 0, asset_id="0129370", pod_id="segA"),
        track("Video Content Playing", 10, 10, asset_id="0129370", pod_id="segA"),
        track("Video Playback Seek Started", 15, 15, content_asset_id="0129370", seek_position=60, ad_asset_id=None),
        track("Video Playback Seek Completed", 16, 60, content_asset_id="0129370"),
        track("Video Ad Playing", 18, 3, asset_id="ad123", type="mid-roll"),
        track("Video Playback Paused", 19, 62, content_asset_id="0129370", ad_asset_id="ad123", ad_type="mid-roll"),
        track("Video Playback Paused", 26, 70, content_asset_id="0129370", ad_asset_id=None),
    )
    assert _told(made) == [("play", 0, 10), ("play", 10, 15), ("fast_forward", 15, 60), ("play", 60, 70)]
    assert {(one.video_id, one.session_id, one.viewer_id) for one in made} == {("0129370", "12345", "u-17")}


def test_segment_seeks_that_wait_for_data() -> None:
    """Players wait for data before they land; that ends no seek."""
    made = _made(
        EventSource.SEGMENT,
        *(
            track(f"Video Playback {name}", second, position, content_asset_id="0129370")
            for name, second, position in (
                ("Started", 0, 0),
                ("Seek Started", 15, 15),
                ("Buffer Started", 16, 60),
                ("Buffer Completed", 17, 60),
                ("Seek Completed", 17, 60),
                ("Exited", 27, 70),
            )
        ),
    )
    assert _told(made) == [("play", 0, 15), ("fast_forward", 15, 60), ("play", 60, 70)]


@pytest.mark.parametrize("advertisement", ["", None, ["ad123"]])
def test_segment_events_that_name_no_advertisement_on_screen(advertisement: Any) -> None:
    """An empty name is none, and the list of the first event says what may come."""
    made = _made(
        EventSource.SEGMENT,
        track("Video Playback Started", 0, 0, content_asset_id="v", ad_asset_id=advertisement),
        track("Video Playback Paused", 9, 9, content_asset_id="v", ad_asset_id=advertisement),
    )
    assert _told(made) == [("play", 0, 9)]


def test_snowplow_seeks_that_wait_for_data() -> None:
    """Waiting for data, pausing and a ping on the way end no seek."""
    for between in (
        [enriched("buffer_start_event", 16, 60), enriched("buffer_end_event", 17, 60)],
        [enriched("pause_event", 16, 15, paused=True), enriched("play_event", 17, 60)],
        [enriched("ping_event", 16, 60, paused=True), enriched("ping_event", 17, 60)],
    ):
        seek = [enriched("seek_start_event", 15, 15), *between, enriched("seek_end_event", 17, 60)]
        made = _made(EventSource.SNOWPLOW, enriched("play_event", 0, 0), *seek, enriched("end_event", 27, 70))
        assert _told(made) == [("play", 0, 15), ("fast_forward", 15, 60), ("play", 60, 70)]


def test_snowplow_of_the_html5_plugin_says_only_where_a_seek_ended() -> None:
    """It sends no `seek_start`: where the seek left is worked out from time and speed."""
    sitting = enriched("play_event", 0, 0), enriched("seek_end_event", 5, 25), enriched("ping_event", 15, 35)
    assert _told(_made(EventSource.SNOWPLOW, *sitting)) == [("play", 0, 5), ("fast_forward", 5, 25), ("play", 25, 35)]
    waits = enriched("buffer_start_event", 4, 25), enriched("seek_end_event", 5, 25), enriched("buffer_end_event", 5, 25)
    seek = [("play", 0, 4), ("fast_forward", 4, 25), ("play", 25, 35)]
    assert _told(_made(EventSource.SNOWPLOW, sitting[0], *waits, sitting[2])) == seek
    fast = enriched("seek_end_event", 5, 25)
    fast["contexts_com_snowplowanalytics_snowplow_media_player_2"][0]["playbackRate"] = 2
    assert _told(_made(EventSource.SNOWPLOW, sitting[0], fast)) == [("play", 0, 10), ("fast_forward", 10, 25)]


def test_snowplow_media_events() -> None:
    """Play, ping, seek in two events, pause; a ping of a player that stands still begins nothing."""
    made = _made(
        EventSource.SNOWPLOW,
        enriched("ready_event", 0, 0, paused=True),
        enriched("ping_event", 1, 0, paused=True),
        enriched("play_event", 2, 0),
        enriched("ping_event", 32, 30),
        enriched("seek_start_event", 40, 38),
        enriched("seek_end_event", 41, 8),
        enriched("pause_event", 46, 13, paused=True),
    )
    assert _told(made) == [("play", 0, 30), ("play", 30, 38), ("rewind", 38, 8), ("play", 8, 13)]
    assert {(one.video_id, one.session_id, one.viewer_id) for one in made} == {
        ("My%20Video%20Title", "5c1f-9", "bc2e92ec6c204a14")
    }


def test_heartbeats() -> None:
    """Stretches within a heartbeat and from one to the next, the seeks between them, and the end."""
    made = _made(
        EventSource.HEARTBEATS,
        heartbeat(10, "0", "10.5"),
        heartbeat(30, "10.5,60", "15,70"),
        heartbeat(40, "20", "30", final="1"),
        heartbeat(90, "0", "5"),
    )
    jumps = [("fast_forward", 15, 60), ("rewind", 70, 20)]
    plays = [("play", 0, 10.5), ("play", 10.5, 15), ("play", 60, 70), ("play", 20, 30), ("play", 0, 5)]
    assert sorted(_told(made)) == sorted(jumps + plays)


@pytest.mark.parametrize(
    ("source", "event", "reason", "named"),
    [
        (EventSource.OPENEDX, tracking_log("play_video", 1), Reason.MISSING_FIELD, "currentTime"),
        (EventSource.OPENEDX, tracking_log("play_video", 1, currentTime="soon"), Reason.INVALID_FIELD, "currentTime = 'soon'"),
        (EventSource.OPENEDX, tracking_log("play_video", 1) | {"event": "{"}, Reason.INVALID_FIELD, "event = '{'"),
        (
            EventSource.OPENEDX,
            tracking_log("play_video", 1, currentTime=1) | {"time": "noon"},
            Reason.INVALID_FIELD,
            "time = 'noon'",
        ),
        (
            EventSource.XAPI,
            statement("https://w3id.org/xapi/video/verbs/seeked", 1, time_to=3),
            Reason.MISSING_FIELD,
            "time-from",
        ),
        (
            EventSource.SEGMENT,
            track("Video Playback Paused", 1, -4, content_asset_id="v"),
            Reason.INVALID_FIELD,
            "properties.position = -4",
        ),
        (EventSource.SNOWPLOW, enriched("play_event", 1, float("inf")), Reason.MISSING_FIELD, "currentTime"),
        (EventSource.HEARTBEATS, heartbeat(1, "0,5", "3"), Reason.INVALID_FIELD, "st = '0,5'"),
        (EventSource.HEARTBEATS, heartbeat(1, "0", "90000"), Reason.INVALID_FIELD, "to_s = 90000"),
        (EventSource.SEGMENT, track("Video Playback Paused", 1, 4), Reason.MISSING_FIELD, "content_asset_id"),
        (EventSource.HEARTBEATS, {}, Reason.MISSING_FIELD, "docid"),
    ],
)
def test_what_cannot_be_read_is_rejected_with_field_and_value(
    source: EventSource, event: Any, reason: Reason, named: str
) -> None:
    """A rejection names the field, its value, and what is needed."""
    rejection = _rejection(source, orjson.dumps(event))
    assert rejection.reason is reason
    assert named in rejection.detail


@pytest.mark.parametrize("source", EventSource)
@pytest.mark.parametrize(
    ("value", "reason"), [(b"{", Reason.INVALID_JSON), (b"", Reason.EMPTY_VALUE), (None, Reason.EMPTY_VALUE)]
)
def test_what_is_no_json_is_rejected(source: EventSource, value: bytes | None, reason: Reason) -> None:
    """Bytes that are no JSON, and no bytes, have reasons of their own."""
    assert _rejection(source, value).reason is reason


@pytest.mark.parametrize("source", EventSource)
@pytest.mark.parametrize("value", [b"7", b'"x"', b"null", b"true"])
def test_json_that_is_no_event_is_rejected(source: EventSource, value: bytes) -> None:
    """Of a number or a text nothing can be made, and it does not vanish."""
    rejection = _rejection(source, value)
    assert rejection.reason is Reason.INVALID_FIELD
    assert "a JSON object is needed" in rejection.detail


@pytest.mark.parametrize("source", EventSource)
def test_an_array_is_its_events(source: EventSource) -> None:
    """Events that are posted together make what they make one by one; of those that cannot be read each is told by itself."""
    sitting, broken = SITTINGS[source], {"event": "Video Playback Paused", "event_vendor": "x", "name": "play_video"}
    one_by_one, together = Adapter(source, _HOUR_MS), Adapter(source, _HOUR_MS)
    expected = [made for event in sitting for made in one_by_one.adapt(orjson.dumps(event)).interactions]
    found = together.adapt(orjson.dumps([sitting[0], 7, *sitting[1:], [broken]]))
    assert len(expected) >= 3
    assert found.interactions == expected
    assert [unread.value for unread in found.unread] == [b"7", orjson.dumps([broken])]


def test_a_batch_of_segment_is_its_events() -> None:
    """The libraries post many calls as one."""
    sitting = SITTINGS[EventSource.SEGMENT]
    assert _made(EventSource.SEGMENT, {"batch": sitting, "sentAt": "2026-11-23T10:01:00Z"}) == _made(
        EventSource.SEGMENT, *sitting
    )


def test_what_is_refused_keeps_what_was_before() -> None:
    """A position that no interaction can have is rejected, and its player plays on."""
    events = [heartbeat(10, "0", "10"), heartbeat(20, "10,20", "20,90000"), heartbeat(30, "40", "50")]
    adapter = Adapter(EventSource.HEARTBEATS, _HOUR_MS)
    adapted = [adapter.adapt(orjson.dumps(event)) for event in events]
    assert [len(one.unread) for one in adapted] == [0, 1, 0]
    assert _told([made for one in adapted for made in one.interactions]) == [
        ("play", 0, 10),
        ("fast_forward", 10, 40),
        ("play", 40, 50),
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("v-1:2", "v-1:2"),
        ("http://a.org/v?x=%201", "http://a.org/v?x=%201"),
        ("two words", "two%20words"),
        ('a"b\\c', "a%22b%5Cc"),
        ("ü", "%C3%BC"),
    ],
)
def test_identifiers_stay_as_they_are_where_they_can(given: str, expected: str) -> None:
    """What our identifiers may not hold is percent-encoded, and nothing else."""
    made = _made(
        EventSource.SEGMENT,
        track("Video Playback Started", 0, 0, content_asset_id=given),
        track("Video Playback Paused", 9, 9, content_asset_id=given),
    )
    assert [interaction.video_id for interaction in made] == [expected]


def test_identifiers_that_are_too_long_are_hashed_apart() -> None:
    """Two long identifiers that differ at their end stay two."""
    made = [
        _made(
            EventSource.SEGMENT,
            track("Video Playback Started", 0, 0, content_asset_id="x" * 200 + end),
            track("Video Playback Paused", 9, 9, content_asset_id="x" * 200 + end),
        )[0].video_id
        for end in "ab"
    ]
    assert len(set(made)) == 2
    assert all(len(video_id) == 32 for video_id in made)
