"""Events written after each source's specification, which its module names."""

from typing import Any

import orjson

from streams.adapters.adapter import EventSource

VIDEO_VERBS = "https://w3id.org/xapi/video/verbs/"


def tracking_log(name: str, second: int, **inner: Any) -> dict[str, Any]:
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


def statement(verb: str, second: int, **extensions: float) -> dict[str, Any]:
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


def track(name: str, second: int, position: float, **properties: Any) -> dict[str, Any]:
    """Return a `track` call of Segment's video spec."""
    return {
        "type": "track",
        "event": name,
        "userId": "u-17",
        "timestamp": f"2026-11-23T10:00:{second:02}.500Z",
        "properties": {"session_id": "12345", "position": position, **properties},
    }


def enriched(name: str, second: int, current_time: float, *, paused: bool = False) -> dict[str, Any]:
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


def heartbeat(second: int, starts: str, ends: str, **more: Any) -> dict[str, Any]:
    """Return a ping as a web player sends it to its collector."""
    when = {"time_ms": 1_790_000_000_000 + second * 1_000}
    return {"docid": "nH9E25nkk3I", "cpn": "1xi6GarlCGriIRL0", "st": starts, "et": ends, "state": "playing"} | when | more


SITTINGS: dict[EventSource, list[dict[str, Any]]] = {
    EventSource.OPENEDX: [
        tracking_log("play_video", 1, currentTime=0),
        tracking_log("seek_video", 11, old_time=10.2, new_time=95.5, type="onSlideSeek"),
        tracking_log("pause_video", 21, currentTime=105.25),
    ],
    EventSource.XAPI: [
        statement(VIDEO_VERBS + "played", 1, time=100),
        statement(VIDEO_VERBS + "seeked", 6, time_from=105, time_to=40),
        statement(VIDEO_VERBS + "paused", 18, time=52),
    ],
    EventSource.SEGMENT: [
        track("Video Playback Started", 0, 0, content_asset_id="0129370"),
        track("Video Playback Seek Started", 15, 15, content_asset_id="0129370", seek_position=60),
        track("Video Playback Seek Completed", 16, 60, content_asset_id="0129370"),
        track("Video Playback Paused", 26, 70, content_asset_id="0129370"),
    ],
    EventSource.SNOWPLOW: [
        enriched("play_event", 2, 0),
        enriched("seek_start_event", 40, 38),
        enriched("seek_end_event", 41, 8),
        enriched("pause_event", 46, 13, paused=True),
    ],
    EventSource.HEARTBEATS: [
        heartbeat(10, "0", "10.5"),
        heartbeat(30, "10.5,60", "15,70"),
        heartbeat(40, "20", "30", final="1"),
    ],
}
"""Of each source one sitting with a seek."""
