"""Snowplow media events of version 2, enriched, as JSON of the analytics SDKs.

Specification: https://docs.snowplow.io/docs/events/ootb-data/media-events/ and, for the JSON,
https://docs.snowplow.io/docs/destinations/analytics-sdk/
"""

from collections.abc import Iterator
from typing import Any, Final

from streams.adapters.moment import Change, Moment, field, identifier, optional, position, time_ms

_CHANGES: Final = {
    "play_event": Change.PLAYS,
    "ping_event": Change.PLAYS,
    "percent_progress_event": Change.PLAYS,
    "buffer_end_event": Change.PLAYS,
    "pause_event": Change.STOPS,
    "buffer_start_event": Change.WAITS,
    "end_event": Change.ENDS,
    "seek_start_event": Change.LEAVES,
    "seek_end_event": Change.LANDS,
}
_VENDOR: Final = "com.snowplowanalytics.snowplow.media"
_PLAYER: Final = "contexts_com_snowplowanalytics_snowplow_media_player_2"
_SESSION: Final = "contexts_com_snowplowanalytics_snowplow_media_session_1"


def moments(event: Any) -> Iterator[Moment]:
    """Yield what an enriched event says; nothing where it is about something else, or the player stands still.

    Raises:
        Unreadable: it is about a video, and not as specified.
    """
    change = _CHANGES.get(str(optional(event, "event_name") or ""))
    if change is None or optional(event, "event_vendor") != _VENDOR:
        return
    player, session = _entity(event, _PLAYER), _entity(event, _SESSION)
    if change is Change.PLAYS and optional(player, "paused") is True:
        change = Change.STOPS
    viewer = optional(event, "user_id") or optional(event, "domain_userid") or optional(event, "network_userid")
    yield Moment(
        change,
        identifier(field(player, "label"), f"{_PLAYER}.label"),
        identifier(field(session, "mediaSessionId"), f"{_SESSION}.mediaSessionId"),
        identifier(viewer, "user_id") if viewer else None,
        time_ms(event, "derived_tstamp" if optional(event, "derived_tstamp") else "collector_tstamp"),
        position(player, "currentTime"),
        speed=_speed(player),
    )


def _speed(player: Any) -> float:
    """Return the speed that a player names, normal speed where it names none."""
    speed = optional(player, "playbackRate")
    return float(speed) if isinstance(speed, int | float) and speed > 0 else 1.0


def _entity(event: Any, name: str) -> Any:
    """Return the first entity of a name: events have a list of each."""
    entities = field(event, name)
    return entities[0] if isinstance(entities, list) and entities else entities
