"""Heartbeats in YouTube's way: each tells which stretches have been watched since the one before.

There is no public specification. The fields are those that the web player sends to `api/stats/watchtime`, and that open clients
send too (yt-dlp, `_mark_watched`: https://github.com/yt-dlp/yt-dlp/blob/master/yt_dlp/extractor/youtube/_video.py); and
`time_ms`, which whoever collects them adds.
"""

from collections.abc import Iterator
from typing import Any

from schemas.dead_letters import Reason
from streams.adapters.moment import Change, Moment, Unreadable, field, identifier, optional, position


def moments(event: Any) -> Iterator[Moment]:
    """Yield what a heartbeat says: each stretch that was watched, and whether it is the last one.

    Raises:
        Unreadable: it is not as described.
    """
    video, session = identifier(field(event, "docid"), "docid"), identifier(field(event, "cpn"), "cpn")
    viewer = optional(event, "viewer_id")
    who = (video, session, identifier(viewer, "viewer_id") if viewer else None, _time(event))
    starts, ends = _positions(event, "st"), _positions(event, "et")
    if len(starts) != len(ends):
        raise Unreadable(Reason.INVALID_FIELD, f"st = {event['st']!r:.80}: as many positions are needed as in et")
    for start, end in zip(starts, ends, strict=True):
        if end < start:
            raise Unreadable(Reason.INVALID_FIELD, f"et = {event['et']!r:.80}: a stretch cannot end before its start in st")
        yield Moment(Change.WATCHED, *who, end, start)
    if str(optional(event, "final")) == "1":
        yield Moment(Change.ENDS, *who, ends[-1])


def _time(event: Any) -> int:
    value = field(event, "time_ms")
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unreadable(Reason.INVALID_FIELD, f"time_ms = {value!r:.80}: whole Unix milliseconds are needed")
    return value


def _positions(event: Any, name: str) -> list[float]:
    """Return positions that are joined by commas, as in an address."""
    return [position({name: part}, name) for part in str(field(event, name)).split(",")]
