"""xAPI statements of the video profile.

Specification: xAPI Video Profile 1.0, "Statement Data Model",
https://liveaspankaj.gitbooks.io/xapi-video-profile/content/statement_data_model.html
"""

from collections.abc import Iterator
from typing import Any, Final

from streams.adapters.moment import Change, Moment, field, identifier, optional, position, time_ms

_VERBS: Final = "https://w3id.org/xapi/video/verbs/"
_EXTENSIONS: Final = "https://w3id.org/xapi/video/extensions/"
_CHANGES: Final = {
    _VERBS + "played": Change.PLAYS,
    _VERBS + "paused": Change.STOPS,
    _VERBS + "seeked": Change.JUMPS,
    "http://adlnet.gov/expapi/verbs/completed": Change.PLAYS,
    "http://adlnet.gov/expapi/verbs/terminated": Change.ENDS,
}
_VIDEO: Final = "https://w3id.org/xapi/video/activity-type/video"


def moments(event: Any) -> Iterator[Moment]:
    """Yield what a statement says; nothing where it is about something else than a video.

    Raises:
        Unreadable: it is about a video, and not as specified.
    """
    change = _CHANGES.get(str(optional(event, "verb", "id") or ""))
    if change is None or optional(event, "object", "definition", "type") not in (None, _VIDEO):
        return
    result, name = optional(event, "result", "extensions"), _EXTENSIONS + ("time-to" if change is Change.JUMPS else "time")
    if optional(result, name) is None and not event["verb"]["id"].startswith(_VERBS):
        return  # `completed` and `terminated` belong to every kind of activity
    actor = _actor(event)
    yield Moment(
        change,
        identifier(field(event, "object", "id"), "object.id"),
        _session(event),
        identifier(actor, "actor") if actor else None,
        time_ms(event, "timestamp"),
        position(result, name),
        position(result, _EXTENSIONS + "time-from") if change is Change.JUMPS else None,
    )


def _session(event: Any) -> str:
    """Return the session's id; Open edX names none in its statements, and then it is the actor's."""
    extension = optional(event, "context", "extensions", _EXTENSIONS + "session-id")
    session = extension or optional(event, "context", "registration") or _actor(event)
    return identifier(session or field(event, "context", "registration"), "context.registration")


def _actor(event: Any) -> Any:
    names = (("account", "name"), ("openid",), ("mbox",), ("mbox_sha1sum",))
    return next((name for path in names if (name := optional(event, "actor", *path))), None)
