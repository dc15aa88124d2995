"""Pages of the feed."""

from typing import Any, Final

import orjson
from pydantic import BaseModel

from schemas.clickhouse import HighlightRow
from streams.serving.rankings import Ranking
from streams.serving.snapshot import Snapshot

_ANSWERS: Final = 200
"""Answers kept of one snapshot: most callers ask for the same few feeds."""


class Page(BaseModel):
    """A part of a ranking: clips in the order that it has held since its first page, with what is known of them now."""

    published_at: int
    """When the newest score of the library was published, Unix milliseconds."""
    items: list[HighlightRow]
    next: str | None
    """Cursor of the next page; None at the end, which is at the latest after 2,000 clips."""


def page_of(snapshot: Snapshot, ranking: Ranking, first: int, limit: int) -> dict[str, Any]:
    """Return the page that begins at a rank, with the values that its clips have in a snapshot, the ranking's or a later one."""
    places = ranking.places[first : first + limit]
    following = ranking.cursor(first + limit)
    return {
        "published_at": snapshot.published_at_ms,
        "items": snapshot.items(places[snapshot.rows["known"][places]]),
        "next": str(following) if following else None,
    }


def page(snapshot: Snapshot, ranking: Ranking, first: int, limit: int) -> bytes:
    """Return a page as JSON. Who asks for the same gets the same bytes, until there is a newer snapshot."""
    asked = (ranking.snapshot, ranking.fingerprint, first, limit)
    answer = snapshot.answers.get(asked)
    if answer is None:
        answer = orjson.dumps(page_of(snapshot, ranking, first, limit))
        if len(snapshot.answers) < _ANSWERS:
            snapshot.answers[asked] = answer
    return answer
