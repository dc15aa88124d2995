"""Rankings that pages are cut from: each holds still while scores move, so no clip comes twice or is missed."""

from collections import OrderedDict
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.serving.cursors import Cursor, fingerprint
from streams.serving.problems import ParameterError
from streams.serving.query import FeedQuery, PageQuery
from streams.serving.snapshot import Snapshot

DEEPEST: Final = 2_000
"""Clips of a ranking at most; who wants all of them exports them."""


class Ranking(NamedTuple):
    """The order that clips had for a query in one snapshot."""

    snapshot: str
    fingerprint: str
    """Of the query's filters."""
    places: NDArray[np.uint32]
    """Of the clips in the columns of that snapshot, and of every later one of the same server; best first."""

    def cursor(self, rank: int) -> Cursor | None:
        """Return the cursor of the page that begins at a rank; None where the ranking has ended."""
        return Cursor(self.snapshot, rank, self.fingerprint) if rank < len(self.places) else None


class Rankings:
    """The rankings that were asked for last. Of one event loop."""

    def __init__(self, kept: int) -> None:
        """Keep so many; the one used longest ago goes first."""
        self._kept = kept
        self._rankings: OrderedDict[tuple[str, str], Ranking] = OrderedDict()

    def of(self, snapshot: Snapshot, query: FeedQuery) -> Ranking:
        """Return what a query's ranking is in a snapshot."""
        key = (snapshot.name, fingerprint(query))
        ranking = self._find(key)
        if ranking is None:
            ranking = self._rankings[key] = Ranking(*key, snapshot.ranked(query, DEEPEST))
            if len(self._rankings) > self._kept:
                self._rankings.popitem(last=False)
        return ranking

    def place_of(self, snapshot: Snapshot, query: PageQuery) -> tuple[Ranking, int]:
        """Return the ranking and the first rank of a page: of the cursor's ranking, or of a new one in `snapshot`.

        Raises:
            ParameterError: the cursor's ranking is gone, or it is of other filters.
        """
        if not query.cursor:
            return self.of(snapshot, query), 0
        cursor = Cursor.parse(query.cursor)
        if cursor.fingerprint != fingerprint(query):
            raise ParameterError(422, "cursor", "it is of other filters; repeat those that the first page was asked for with")
        ranking = self._find((cursor.snapshot, cursor.fingerprint))
        if ranking is None:
            raise ParameterError(410, "cursor", "its ranking is no longer kept; begin again without one")
        return ranking, cursor.rank

    def _find(self, key: tuple[str, str]) -> Ranking | None:
        if key in self._rankings:
            self._rankings.move_to_end(key)
        return self._rankings.get(key)
