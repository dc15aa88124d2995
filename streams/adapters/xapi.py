"""xAPI statements of the video profile.

Specification: xAPI Video Profile 1.0, "Statement Data Model",
https://liveaspankaj.gitbooks.io/xapi-video-profile/content/statement_data_model.html;
Open edX's statements, which have a session's id of their own: https://github.com/openedx/event-routing-backends
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
_SESSIONS: Final = (_EXTENSIONS + "session-id", "https://w3id.org/xapi/openedx/extensions/session-id")
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
        time_ms(event, "timestamp" if optional(event, "timestamp") else "stored"),
        position(result, name),
        position(result, _EXTENSIONS + "time-from") if change is Change.JUMPS else None,
    )


def _session(event: Any) -> str:
    """Return the session's id, else the registration, which holds for longer, else the actor's."""
    named = (optional(event, "context", "extensions", name) for name in _SESSIONS)
    session = next(filter(None, named), None) or optional(event, "context", "registration") or _actor(event)
    return identifier(session or field(event, "context", "registration"), "context.registration")


def _actor(event: Any) -> Any:
    """Return who it is: a name of an account is one only beside the page that the account belongs to."""
    home, name = (optional(event, "actor", "account", part) for part in ("homePage", "name"))
    if name:
        return f"{home}|{name}" if home else name
    return next((known for kind in ("openid", "mbox", "mbox_sha1sum") if (known := optional(event, "actor", kind))), None)
