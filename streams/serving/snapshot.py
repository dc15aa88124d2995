"""One state of the library that never changes: what requests are answered from."""

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from schemas.clickhouse import HighlightRow
from schemas.limits import MAX_SCORE, clip_id
from streams.serving.query import FeedQuery

FLOATS: Final = (
    "score",
    "worth",
    "score_low",
    "score_high",
    "supervised_score",
    "behaviour_score",
    "ranker_score",
    "celebrity",
    "supervised_weight",
    "behaviour_weight",
)
INTEGERS: Final = ("exposures", "shares", "rewinds", "fast_forwards")
STILL: Final = {"video": "i4", "clip_index": "u4", "category": "i4"}
MOVING: Final[dict[str, str]] = {
    **dict.fromkeys(FLOATS, "f4"),
    **dict.fromkeys(INTEGERS, "u4"),
    "event_at_ms": "i8",
    "known": "?",
}
COLUMNS: Final = STILL | MOVING
"""What a snapshot keeps of a clip: video and category as places in its lists, NaN where a part is missing."""

_SHOWN: Final = [name for name in HighlightRow.model_fields if name in (*FLOATS, *INTEGERS)]


class _Named(NamedTuple):
    """What a query names, as it stands in the columns; -1 for a name that is not there, or none."""

    video: int
    category: int
    tagged: NDArray[np.bool_]
    """Which clips have the tag; empty where none is asked for."""


@dataclass(frozen=True)
class Snapshot:
    """Clips by columns, and their ranking."""

    name: str
    published_at_ms: int
    """When the newest row was published."""
    rows: dict[str, NDArray[Any]]
    """By name of COLUMNS, with one value of each clip."""
    order: NDArray[np.uint32]
    """Places in `rows` of the clips that have a score, best first."""
    videos: list[str]
    categories: list[str]
    tags: dict[str, NDArray[np.uint32]]
    """By tag the places of the clips that have it, ascending."""
    tags_json: NDArray[np.object_]
    answers: dict[tuple[str, str, int, int], bytes] = field(default_factory=dict)
    """Clips of pages, as they have been answered."""

    def ranked(self, query: FeedQuery, most: int) -> NDArray[np.uint32]:
        """Return the places of the clips that a query asks for, best first, at most so many."""
        found, count, named = [self.order[:0]], 0, self._named(query)
        seen = np.zeros(len(self.videos) if query.per_video else 0, np.int64)
        start, step = 0, most
        while start < len(self.order) and count < most:
            places = self._matching(query, named, self.order[start : start + step])
            if query.per_video:
                places = _diverse(places, self.rows["video"][places], query.per_video, seen)
            found.append(places)
            count += len(places)
            start, step = start + step, 2 * step
        return np.concatenate(found)[:most].copy()  # a part would keep all that was found

    def items(self, places: NDArray[np.uint32]) -> list[dict[str, Any]]:
        """Return clips in the form of view `highlights`."""
        rows = {name: self.rows[name][places].tolist() for name in ("video", "clip_index", "category", *_SHOWN)}
        values = zip(rows["video"], rows["clip_index"], rows["category"], places.tolist(), strict=True)
        parts = zip(*(rows[name] for name in _SHOWN), strict=True)
        return [
            {
                "clip_id": clip_id(self.videos[video], clip),
                **dict(zip(_SHOWN, part, strict=True)),
                "category": self.categories[category],
                "tags": orjson.Fragment(self.tags_json[place]),
            }
            for (video, clip, category, place), part in zip(values, parts, strict=True)
        ]

    def _named(self, query: FeedQuery) -> _Named:
        """Return where what a query names is; of names in long lists, looked for once."""
        video, category = _place(self.videos, query.video), _place(self.categories, query.category)
        return _Named(video, category, self._tagged(query.tag))

    def _tagged(self, tag: str) -> NDArray[np.bool_]:
        """Return which clips have a tag, of all clips: a look there takes less than a search in the tag's places."""
        tagged = np.zeros(len(self.tags_json) if tag else 0, np.bool_)
        if tag in self.tags:
            tagged[self.tags[tag]] = True
        return tagged

    def _matching(self, query: FeedQuery, named: _Named, places: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Return those of `places` that pass the query's filters; each filter sees what the one before left."""
        if query.video:
            places = places[self.rows["video"][places] == named.video]
        if query.category:
            places = places[self.rows["category"][places] == named.category]
        if query.tag:
            places = places[named.tagged[places]]
        if query.minimum_evidence:
            places = places[self.rows["exposures"][places] >= query.minimum_evidence]
        if query.minimum_confidence:
            width = self.rows["score_high"][places] - self.rows["score_low"][places]
            places = places[1 - width / MAX_SCORE >= query.minimum_confidence]
        if query.since:
            places = places[self.rows["event_at_ms"][places] >= max(0, int(query.since.timestamp() * 1_000))]
        return places


def _diverse(places: NDArray[np.uint32], videos: NDArray[np.int32], most: int, seen: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return the first `most` of each video's clips; `seen` counts those of the steps before, and is brought up to date.

    Video and row are sorted as one integer, which brings each video's clips together in their order.
    """
    keys = videos.astype(np.uint64) << np.uint64(32) | np.arange(len(videos), dtype=np.uint64)
    keys.sort()
    video, row = (keys >> np.uint64(32)).astype(np.int64), keys.astype(np.uint32)
    first = np.flatnonzero(np.diff(video, prepend=-1))
    before = np.arange(len(row)) - np.repeat(first, np.diff(first, append=len(row)))
    kept = np.sort(row[before + seen[video] < most])
    seen += np.bincount(videos[kept], minlength=len(seen))
    return places[kept]


def _place(names: list[str], name: str) -> int:
    try:
        return names.index(name) if name else -1
    except ValueError:
        return -1
