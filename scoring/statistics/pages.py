"""Statistics pages: the state of 32 neighbouring clips of one video, as rows of columns.

A page is the unit of change and of the changelog. All pages of a partition lie in the same few arrays; an open-addressing
table leads from a page's hash to its row.
"""

from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from schemas.compiled import compiled, inlined
from schemas.hashing import mix
from schemas.interactions import KINDS

CLIPS_PER_PAGE: Final = 32
NEVER: Final = -1
"""Offset before the first message, and time before the first event."""

PAGE_DTYPE: Final = np.dtype(
    [
        ("key", "<u8"),
        ("video", "<u8"),
        ("page_index", "<i8"),
        ("era", "<i8", CLIPS_PER_PAGE),
        ("counts", "<u4", (len(KINDS), CLIPS_PER_PAGE)),
        ("decayed", "<i8", (2, len(KINDS), CLIPS_PER_PAGE)),
        ("latest_ms", "<i8", CLIPS_PER_PAGE),
        ("changed_offset", "<i8", CLIPS_PER_PAGE),
        ("score_mean", "<f4", CLIPS_PER_PAGE),
        ("score_sd", "<f4", CLIPS_PER_PAGE),
        ("celebrity", "<f4", CLIPS_PER_PAGE),
        ("supervised_offset", "<i8"),
        ("ranker_mean", "<f4", CLIPS_PER_PAGE),
        ("ranker_sd", "<f4", CLIPS_PER_PAGE),
    ]
)
"""One page, as it lies in memory and in a changelog record."""


class Pages(NamedTuple):
    """Pages of one partition, p rows of capacity; the first `size[0]` are in use.

    `counts[p, kind, clip]` distinct sessions; `era[p, clip]` the era of the clip's newest event: the clip's own, so that
    nothing about a clip changes without an event of it; `decayed[p, era, kind, clip]` sums of weights in that era (0) and
    in the one before (1); `latest_ms[p, clip]` newest event time; `changed_offset[p, clip]` source offset that changed the
    clip last; `score_mean`, `score_sd`, `celebrity` the cached supervised output, NaN where there is none; `ranker_mean`,
    `ranker_sd` the current ranker release's.
    """

    key: NDArray[np.uint64]
    video: NDArray[np.uint64]
    page_index: NDArray[np.int64]
    era: NDArray[np.int64]
    counts: NDArray[np.uint32]
    decayed: NDArray[np.int64]
    latest_ms: NDArray[np.int64]
    changed_offset: NDArray[np.int64]
    score_mean: NDArray[np.float32]
    score_sd: NDArray[np.float32]
    celebrity: NDArray[np.float32]
    supervised_offset: NDArray[np.int64]
    ranker_mean: NDArray[np.float32]
    ranker_sd: NDArray[np.float32]
    dirty: NDArray[np.uint32]
    """Bit per clip: its score is to be published."""
    changed: NDArray[np.bool_]
    """The page is to be written to the changelog."""
    slots: NDArray[np.int32]
    """Open-addressing table of rows, a power of two long; -1 is empty."""
    size: NDArray[np.int64]

    @classmethod
    def empty(cls, capacity: int = 256) -> Self:
        """Return room for `capacity` pages (a power of two)."""
        columns = {name: np.zeros((capacity, *PAGE_DTYPE[name].shape), PAGE_DTYPE[name].base) for name in PAGE_DTYPE.names or ()}
        for name in ("score_mean", "score_sd", "celebrity", "ranker_mean", "ranker_sd"):
            columns[name].fill(np.nan)
        for name in ("changed_offset", "latest_ms", "supervised_offset", "era"):
            columns[name].fill(NEVER)
        return cls(
            **columns,
            dirty=np.zeros(capacity, np.uint32),
            changed=np.zeros(capacity, np.bool_),
            slots=np.full(2 * capacity, -1, np.int32),
            size=np.zeros(1, np.int64),
        )

    @classmethod
    def of(cls, records: NDArray[np.void]) -> Self:
        """Return the pages of n records, PAGE_DTYPE[n], of which no two are of the same page."""
        pages = cls.empty(max(256, 1 << (len(records) - 1).bit_length() if len(records) else 0))
        for name in PAGE_DTYPE.names or ():
            getattr(pages, name)[: len(records)] = records[name]
        pages.size[0] = len(records)
        _index(pages.slots, pages.key, len(records))
        return pages

    def with_room(self, pages: int) -> Self:
        """Return self, or a larger copy with room for `pages` more."""
        needed, capacity = int(self.size[0]) + pages, len(self.key)
        if needed <= capacity:
            return self
        while capacity < needed:
            capacity *= 2
        larger = self.empty(capacity)
        for name in self._fields:
            if name != "slots":
                getattr(larger, name)[: len(getattr(self, name))] = getattr(self, name)
        _index(larger.slots, larger.key, int(self.size[0]))
        return larger

    @property
    def known(self) -> NDArray[np.bool_]:
        """Return [size, CLIPS_PER_PAGE] whether a clip was watched or scored."""
        used = slice(int(self.size[0]))
        scored = ~np.isnan(self.score_mean[used]) | ~np.isnan(self.ranker_mean[used])
        return scored | (self.latest_ms[used] >= 0)

    def records(self, rows: NDArray[np.int64]) -> NDArray[np.void]:
        """Return copies of pages as PAGE_DTYPE[len(rows)]."""
        records = np.empty(len(rows), PAGE_DTYPE)
        for name in PAGE_DTYPE.names or ():
            records[name] = getattr(self, name)[rows]
        return records


@inlined
def page_key(video, page_index):
    """Return the hash of a page of the video with hash `video`."""
    return mix(video, np.uint64(page_index))


@compiled
def _index(slots, keys, size):
    mask = np.uint64(len(slots) - 1)
    for row in range(size):
        slot = keys[row] & mask
        while slots[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = row


@compiled
def find_or_add(pages, video, page_index):
    """Return the row of a page, a new one if need be. The caller has made room."""
    key = page_key(video, page_index)
    mask = np.uint64(len(pages.slots) - 1)
    slot = key & mask
    while pages.slots[slot] >= 0:
        if pages.key[pages.slots[slot]] == key:
            return np.int64(pages.slots[slot])
        slot = (slot + np.uint64(1)) & mask
    row = pages.size[0]
    pages.slots[slot] = row
    pages.key[row] = key
    pages.video[row] = video
    pages.page_index[row] = page_index
    pages.size[0] += 1
    return row
