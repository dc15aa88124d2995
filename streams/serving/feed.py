"""Pages of the feed."""

from typing import Any, Final

import orjson
from pydantic import BaseModel

from schemas.clickhouse import HighlightRow
from streams.serving.cursors import Cursor, fingerprint
from streams.serving.live import Live
from streams.serving.problems import ParameterError
from streams.serving.query import FeedQuery, PageQuery
from streams.serving.snapshot import Snapshot

_ANSWERS: Final = 200
"""Answers kept of one snapshot: most callers ask for the same few feeds."""


class Page(BaseModel):
    """A part of a ranking."""

    published_at: int
    """When the newest score that took part was published, Unix milliseconds."""
    items: list[HighlightRow]
    next: str | None
    """Cursor of the next page; None at the end."""


def place_of(live: Live, query: PageQuery) -> tuple[Snapshot, int]:
    """Return the snapshot and the first rank of a page.

    Raises:
        ParameterError: the cursor's snapshot is gone, or it is of other filters.
    """
    if not query.cursor:
        return live.current, 0
    cursor = Cursor.parse(query.cursor)
    if cursor.fingerprint != fingerprint(query):
        raise ParameterError(422, "cursor", "it is of other filters; repeat those that the first page was asked for with")
    snapshot = live.held(cursor.snapshot)
    if snapshot is None:
        raise ParameterError(410, "cursor", "its ranking is no longer kept; begin again without one")
    return snapshot, cursor.offset


def page_of(snapshot: Snapshot, query: FeedQuery, offset: int = 0) -> dict[str, Any]:
    """Return a page of the feed in a snapshot."""
    places, more = snapshot.ranked(query, offset, query.limit)
    following = Cursor(snapshot.name, offset + query.limit, fingerprint(query)) if more else None
    return {
        "published_at": snapshot.published_at_ms,
        "items": snapshot.items(places),
        "next": str(following) if following else None,
    }


def page(live: Live, query: PageQuery, snapshot: Snapshot, offset: int) -> bytes:
    """Return a page as JSON; its snapshot is kept if there is a next. Who asks for the same gets the same bytes."""
    asked = query.model_dump_json(exclude={"cursor"})
    known = snapshot.answers.get((asked, offset))
    if known is not None:
        return known
    found = page_of(snapshot, query, offset)
    if found["next"]:
        live.hold(snapshot)
    answer = orjson.dumps(found)
    if len(snapshot.answers) < _ANSWERS:
        snapshot.answers[asked, offset] = answer
    return answer
