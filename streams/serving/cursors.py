"""Places in a feed's ranking, as they stand in an address."""

from hashlib import blake2s
from typing import NamedTuple

from streams.serving.query import FeedQuery


class Cursor(NamedTuple):
    """The first rank of a page in the ranking that a query had in a snapshot."""

    snapshot: str
    rank: int
    fingerprint: str
    """Of the query's filters."""

    def __str__(self) -> str:
        """Return it as it stands in an address."""
        return f"{self.snapshot}.{self.rank}.{self.fingerprint}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Return the cursor of a text that keeps the query's pattern."""
        snapshot, rank, fingerprint = text.split(".")
        return cls(snapshot, int(rank), fingerprint)


def fingerprint(query: FeedQuery) -> str:
    """Return what a query's filters and a cursor's have in common; the pages' size may change."""
    filters = query.model_dump_json(exclude={"limit", "cursor"})
    return blake2s(filters.encode(), digest_size=8).hexdigest()
