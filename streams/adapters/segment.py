"""Segment's video spec, which RudderStack and Customer.io share.

Specification: https://segment.com/docs/connections/spec/video/
"""

from collections.abc import Iterator
from typing import Any, Final

from streams.adapters.moment import Change, Moment, field, identifier, optional, position, time_ms

_CHANGES: Final = {
    "Video Playback Started": Change.PLAYS,
    "Video Playback Resumed": Change.PLAYS,
    "Video Content Started": Change.PLAYS,
    "Video Content Playing": Change.PLAYS,
    "Video Playback Buffer Completed": Change.PLAYS,
    "Video Playback Paused": Change.STOPS,
    "Video Playback Interrupted": Change.STOPS,
    "Video Playback Buffer Started": Change.STOPS,
    "Video Playback Completed": Change.ENDS,
    "Video Playback Exited": Change.ENDS,
    "Video Content Completed": Change.ENDS,
    "Video Playback Seek Started": Change.LEAVES,
    "Video Playback Seek Completed": Change.LANDS,
}
_CONTENT: Final = ("properties", "content_asset_id")


def moments(event: Any) -> Iterator[Moment]:
    """Yield what a `track` call says; nothing where it is about something else, or about an advertisement.

    Raises:
        Unreadable: it is about a video, and not as specified.
    """
    change = _CHANGES.get(str(optional(event, "event") or ""))
    if change is None or _is_advertisement(event):
        return
    viewer = optional(event, "userId") or optional(event, "anonymousId")
    yield Moment(
        change,
        identifier(_content(event), ".".join(_CONTENT)),
        identifier(field(event, "properties", "session_id"), "properties.session_id"),
        identifier(viewer, "userId") if viewer else None,
        time_ms(event, "timestamp"),
        position(event, "properties", "position"),
    )


def _content(event: Any) -> Any:
    """Return the content's id: events of content call it otherwise than those of playback, whose first lists all contents."""
    properties = field(event, "properties")
    listed = optional(properties, "content_asset_ids")
    first = listed[0] if isinstance(listed, list) and listed else listed
    return optional(properties, "content_asset_id") or optional(properties, "asset_id") or first or field(event, *_CONTENT)


def _is_advertisement(event: Any) -> bool:
    """Return whether an advertisement is on: the first event of a playback lists all that there may be."""
    advertisement = optional(event, "properties", "ad_asset_id")
    return isinstance(advertisement, str) and advertisement != ""
