"""Open edX tracking logs: events of browsers and of the mobile apps.

Specification: Open edX, "Video Interaction Events",
https://docs.openedx.org/en/latest/developers/references/internal_data_formats/tracking_logs/student_event_types.html
"""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from schemas.dead_letters import Reason
from streams.adapters.moment import Change, Moment, Unreadable, field, identifier, optional, position, time_ms

_CHANGES: Final = {
    "play_video": Change.PLAYS,
    "edx.video.played": Change.PLAYS,
    "pause_video": Change.STOPS,
    "edx.video.paused": Change.STOPS,
    "stop_video": Change.ENDS,
    "edx.video.stopped": Change.ENDS,
    "seek_video": Change.JUMPS,
    "edx.video.position.changed": Change.JUMPS,
}


def moments(event: Any) -> Iterator[Moment]:
    """Yield what a line of a tracking log says; nothing where it is about something else.

    Raises:
        Unreadable: it is about a video, and not as specified.
    """
    change = _CHANGES.get(str(optional(event, "name") or "")) or _CHANGES.get(str(optional(event, "event_type") or ""))
    if change is None:
        return
    inner = _inner(event)
    user = optional(event, "context", "user_id") or optional(event, "username")
    device = optional(event, "context", "client", "device", "id")  # the apps have no sessions
    session = optional(event, "session") or optional(event, "context", "session") or device or user
    yield Moment(
        change,
        identifier(field(inner, "id"), "event.id"),
        identifier(session or field(event, "session"), "session"),
        identifier(user, "context.user_id") if user else None,
        time_ms(event, "time"),
        position(inner, "new_time" if change is Change.JUMPS else "currentTime"),
        position(inner, "old_time") if change is Change.JUMPS else None,
    )


def _inner(event: Any) -> Any:
    """Return member `event`, which is an object, or the JSON text of one."""
    inner = field(event, "event")
    if not isinstance(inner, str):
        return inner
    try:
        return orjson.loads(inner)
    except orjson.JSONDecodeError as error:
        raise Unreadable(Reason.INVALID_FIELD, f"event = {inner!r:.80}: JSON text is needed") from error
