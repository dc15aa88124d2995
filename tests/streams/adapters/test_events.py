"""Events written after each source's specification (named in its module), and the interactions that they make."""

from typing import Any

import orjson
import pytest

from schemas.dead_letters import Reason, Rejection
from schemas.interactions import Interaction
from streams.adapters.adapter import Adapter, EventSource

_HOUR_MS = 3_600_000
_VIDEO_VERBS = "https://w3id.org/xapi/video/verbs/"


def _made(source: EventSource, *events: Any) -> list[Interaction]:
    adapter, made = Adapter(source, _HOUR_MS), []
    for event in events:
        answer = adapter.adapt(orjson.dumps(event))
        assert not isinstance(answer, Rejection), answer
        made += answer
    return made


def _told(interactions: list[Interaction]) -> list[tuple[str, float, float]]:
    return [(made.kind, made.from_s, made.to_s) for made in interactions]


def _tracking_log(name: str, second: int, **inner: Any) -> dict[str, Any]:
    """Return a line of an Open edX tracking log, as browsers send it: member `event` is text."""
    return {
        "username": "alice",
        "event_source": "browser",
        "name": name,
        "event_type": name,
        "session": "8940f3610cfb8825b7a7cd6b85bfa52f",
        "time": f"2016-12-16T01:43:{second:02}.340314+00:00",
        "context": {"course_id": "course-v1:DelftX+EX101x+3T2016", "org_id": "DelftX", "path": "/event", "user_id": 888888},
        "event": orjson.dumps({"code": "zppgbNoqBBI", "id": "ba666985e20d4eb18e593461c28790c0", **inner}).decode(),
    }


def test_open_edx_in_a_browser() -> None:
    """Play, seek, pause of one session, with the user's number as the viewer."""
    made = _made(
        EventSource.OPENEDX,
        _tracking_log("load_video", 0),
        _tracking_log("play_video", 1, currentTime=0),
        _tracking_log("seek_video", 11, old_time=10.2, new_time=95.5, type="onSlideSeek"),
        _tracking_log("pause_video", 21, currentTime=105.25),
    )
    assert _told(made) == [("play", 0, 10.2), ("fast_forward", 10.2, 95.5), ("play", 95.5, 105.25)]
    first = made[0]
    assert (first.video_id, first.session_id) == ("ba666985e20d4eb18e593461c28790c0", "8940f3610cfb8825b7a7cd6b85bfa52f")
    assert (first.viewer_id, first.occurred_at_ms) == ("888888", 1_481_852_591_340)


def test_open_edx_in_an_app() -> None:
    """Apps name events otherwise, send `event` as an object, and have a device instead of a session."""

    def event(name: str, second: int, **inner: Any) -> dict[str, Any]:
        line = _tracking_log(name, second)
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


def _statement(verb: str, second: int, **extensions: float) -> dict[str, Any]:
    """Return an xAPI statement of the video profile."""
    prefix = "https://w3id.org/xapi/video/extensions/"
    return {
        "actor": {"objectType": "Agent", "account": {"homePage": "https://lms.example.org", "name": "u-17"}},
        "verb": {"id": verb, "display": {"en-US": verb.rpartition("/")[2]}},
        "object": {
            "objectType": "Activity",
            "id": "http://www.example.org/video/1",
            "definition": {"type": "https://w3id.org/xapi/video/activity-type/video"},
        },
        "context": {"extensions": {prefix + "session-id": "9a2ce995-c3f5-458a-9fd3-cab07ea005c0"}},
        "result": {"extensions": {prefix + name.replace("_", "-"): value for name, value in extensions.items()}},
        "timestamp": f"2026-11-23T10:00:{second:02}.000Z",
    }


def test_xapi_statements() -> None:
    """Played, seeked, completed, paused, terminated; `initialized` says nothing of watching."""
    video, adl = _VIDEO_VERBS, "http://adlnet.gov/expapi/verbs/"
    made = _made(
        EventSource.XAPI,
        _statement(adl + "initialized", 0),
        _statement(video + "played", 1, time=100),
        _statement(video + "seeked", 6, time_from=105, time_to=40),
        _statement(adl + "completed", 16, time=50),
        _statement(video + "paused", 18, time=52),
        _statement(adl + "terminated", 30, time=52),
    )
    assert _told(made) == [("play", 100, 105), ("rewind", 105, 40), ("play", 40, 50), ("play", 50, 52)]
    assert (made[0].video_id, made[0].viewer_id) == ("http://www.example.org/video/1", "u-17")


def test_xapi_statements_of_open_edx() -> None:
    """Open edX names no session in its statements: the actor stands for it."""
    open_edx = [
        {key: value for key, value in statement.items() if key != "context"}
        for statement in (_statement(_VIDEO_VERBS + "played", 1, time=0.03), _statement(_VIDEO_VERBS + "paused", 9, time=8))
    ]
    made = _made(EventSource.XAPI, *open_edx)
    assert _told(made) == [("play", 0.03, 8)]
    assert (made[0].session_id, made[0].viewer_id) == ("u-17", "u-17")


def test_xapi_of_something_else_is_passed_over() -> None:
    """A course is completed and terminated too: that is nothing to us, and no dead letter."""
    completed = _statement("http://adlnet.gov/expapi/verbs/completed", 0)
    completed["object"]["definition"]["type"] = "http://adlnet.gov/expapi/activities/course"
    assert _made(EventSource.XAPI, completed, {"verb": {"id": "http://adlnet.gov/expapi/verbs/answered"}}) == []


def _track(name: str, second: int, position: float, **properties: Any) -> dict[str, Any]:
    """Return a `track` call of Segment's video spec."""
    return {
        "type": "track",
        "event": name,
        "userId": "u-17",
        "timestamp": f"2026-11-23T10:00:{second:02}.500Z",
        "properties": {"session_id": "12345", "position": position, **properties},
    }


def test_segment_track_calls() -> None:
    """Started, heartbeat, seek in two events, paused; advertisements are passed over."""
    made = _made(
        EventSource.SEGMENT,
        _track("Video Playback Started", 0, 0, content_asset_ids=["0129370"], ad_asset_id=["ad123"], ad_type=["mid-roll"]),
        _track("Video Content Started", 0, 0, asset_id="0129370", pod_id="segA"),
        _track("Video Content Playing", 10, 10, asset_id="0129370", pod_id="segA"),
        _track("Video Playback Seek Started", 15, 15, content_asset_id="0129370", seek_position=60, ad_asset_id=None),
        _track("Video Playback Seek Completed", 16, 60, content_asset_id="0129370"),
        _track("Video Ad Playing", 18, 3, asset_id="ad123", type="mid-roll"),
        _track("Video Playback Paused", 19, 62, content_asset_id="0129370", ad_asset_id="ad123", ad_type="mid-roll"),
        _track("Video Playback Paused", 26, 70, content_asset_id="0129370", ad_asset_id=None),
    )
    assert _told(made) == [("play", 0, 10), ("play", 10, 15), ("fast_forward", 15, 60), ("play", 60, 70)]
    assert {(one.video_id, one.session_id, one.viewer_id) for one in made} == {("0129370", "12345", "u-17")}


def _enriched(name: str, second: int, current_time: float, *, paused: bool = False) -> dict[str, Any]:
    """Return an enriched Snowplow event as the analytics SDKs give it."""
    return {
        "event_name": name,
        "event_vendor": "com.snowplowanalytics.snowplow.media",
        "event": "unstruct",
        "derived_tstamp": f"2026-11-23T10:00:{second:02}.000Z",
        "user_id": None,
        "domain_userid": "bc2e92ec6c204a14",
        "contexts_com_snowplowanalytics_snowplow_media_player_2": [
            {"currentTime": current_time, "duration": 300, "ended": False, "paused": paused, "label": "My Video Title"}
        ],
        "contexts_com_snowplowanalytics_snowplow_media_session_1": [{"mediaSessionId": "5c1f-9", "pingInterval": 30}],
    }


def test_snowplow_media_events() -> None:
    """Play, ping, seek in two events, pause; a ping of a player that stands still begins nothing."""
    made = _made(
        EventSource.SNOWPLOW,
        _enriched("ready_event", 0, 0, paused=True),
        _enriched("ping_event", 1, 0, paused=True),
        _enriched("play_event", 2, 0),
        _enriched("ping_event", 32, 30),
        _enriched("seek_start_event", 40, 38),
        _enriched("seek_end_event", 41, 8),
        _enriched("pause_event", 46, 13, paused=True),
    )
    assert _told(made) == [("play", 0, 30), ("play", 30, 38), ("rewind", 38, 8), ("play", 8, 13)]
    assert {(one.video_id, one.session_id, one.viewer_id) for one in made} == {
        ("My%20Video%20Title", "5c1f-9", "bc2e92ec6c204a14")
    }


def _heartbeat(second: int, starts: str, ends: str, **more: Any) -> dict[str, Any]:
    when = {"time_ms": 1_790_000_000_000 + second * 1_000}
    return {"docid": "nH9E25nkk3I", "cpn": "1xi6GarlCGriIRL0", "st": starts, "et": ends, "state": "playing"} | when | more


def test_heartbeats() -> None:
    """Stretches within a heartbeat and from one to the next, the seeks between them, and the end."""
    made = _made(
        EventSource.HEARTBEATS,
        _heartbeat(10, "0", "10.5"),
        _heartbeat(30, "10.5,60", "15,70"),
        _heartbeat(40, "20", "30", final="1"),
        _heartbeat(90, "0", "5"),
    )
    jumps = [("fast_forward", 15, 60), ("rewind", 70, 20)]
    plays = [("play", 0, 10.5), ("play", 10.5, 15), ("play", 60, 70), ("play", 20, 30), ("play", 0, 5)]
    assert sorted(_told(made)) == sorted(jumps + plays)


@pytest.mark.parametrize(
    ("source", "event", "reason", "named"),
    [
        (EventSource.OPENEDX, _tracking_log("play_video", 1), Reason.MISSING_FIELD, "currentTime"),
        (EventSource.OPENEDX, _tracking_log("play_video", 1, currentTime="soon"), Reason.INVALID_FIELD, "currentTime = 'soon'"),
        (EventSource.OPENEDX, _tracking_log("play_video", 1) | {"event": "{"}, Reason.INVALID_FIELD, "event = '{'"),
        (
            EventSource.OPENEDX,
            _tracking_log("play_video", 1, currentTime=1) | {"time": "noon"},
            Reason.INVALID_FIELD,
            "time = 'noon'",
        ),
        (
            EventSource.XAPI,
            _statement("https://w3id.org/xapi/video/verbs/seeked", 1, time_to=3),
            Reason.MISSING_FIELD,
            "time-from",
        ),
        (
            EventSource.SEGMENT,
            _track("Video Playback Paused", 1, -4, content_asset_id="v"),
            Reason.INVALID_FIELD,
            "properties.position = -4",
        ),
        (EventSource.SNOWPLOW, _enriched("play_event", 1, float("inf")), Reason.MISSING_FIELD, "currentTime"),
        (EventSource.HEARTBEATS, _heartbeat(1, "0,5", "3"), Reason.INVALID_FIELD, "st = '0,5'"),
        (EventSource.HEARTBEATS, _heartbeat(1, "0", "90000"), Reason.INVALID_FIELD, "to_s = 90000"),
        (EventSource.SEGMENT, _track("Video Playback Paused", 1, 4), Reason.MISSING_FIELD, "content_asset_id"),
        (EventSource.HEARTBEATS, 7, Reason.MISSING_FIELD, "docid"),
    ],
)
def test_what_cannot_be_read_is_rejected_with_field_and_value(
    source: EventSource, event: Any, reason: Reason, named: str
) -> None:
    """A rejection names the field, its value, and what is needed."""
    answer = Adapter(source, _HOUR_MS).adapt(orjson.dumps(event))
    assert isinstance(answer, Rejection)
    assert answer.reason is reason
    assert named in answer.detail


@pytest.mark.parametrize("source", EventSource)
@pytest.mark.parametrize(
    ("value", "reason"), [(b"{", Reason.INVALID_JSON), (b"", Reason.EMPTY_VALUE), (None, Reason.EMPTY_VALUE)]
)
def test_what_is_no_json_is_rejected(source: EventSource, value: bytes | None, reason: Reason) -> None:
    """Bytes that are no JSON, and no bytes, have reasons of their own."""
    answer = Adapter(source, _HOUR_MS).adapt(value)
    assert isinstance(answer, Rejection)
    assert answer.reason is reason


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
        _track("Video Playback Started", 0, 0, content_asset_id=given),
        _track("Video Playback Paused", 9, 9, content_asset_id=given),
    )
    assert [interaction.video_id for interaction in made] == [expected]


def test_identifiers_that_are_too_long_are_hashed_apart() -> None:
    """Two long identifiers that differ at their end stay two."""
    made = [
        _made(
            EventSource.SEGMENT,
            _track("Video Playback Started", 0, 0, content_asset_id="x" * 200 + end),
            _track("Video Playback Paused", 9, 9, content_asset_id="x" * 200 + end),
        )[0].video_id
        for end in "ab"
    ]
    assert len(set(made)) == 2
    assert all(len(video_id) == 32 for video_id in made)
