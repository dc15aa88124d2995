"""Pages of the feed."""

from typing import Final

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


def page(snapshot: Snapshot, ranking: Ranking, first: int, limit: int) -> bytes:
    """Return the page from a rank on as JSON, with the values that its clips have in a snapshot, the ranking's or a later one."""
    following = ranking.cursor(first + limit)
    return orjson.dumps(
        {
            "published_at": snapshot.published_at_ms,
            "items": orjson.Fragment(items(snapshot, ranking, first, limit)),
            "next": str(following) if following else None,
        }
    )


def items(snapshot: Snapshot, ranking: Ranking, first: int, limit: int) -> bytes:
    """Return a page's clips as JSON. Who asks for the same gets the same bytes, until there is a newer snapshot."""
    asked = (ranking.snapshot, ranking.fingerprint, first, limit)
    answer = snapshot.answers.get(asked)
    if answer is None:
        places = ranking.places[first : first + limit]
        answer = orjson.dumps(snapshot.items(places[snapshot.rows["known"][places]]))
        if len(snapshot.answers) < _ANSWERS:
            snapshot.answers[asked] = answer
    return answer
