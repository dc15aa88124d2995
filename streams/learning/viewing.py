"""Which clips the same sessions watched and shared lately: edges of the graph of similar clips."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.columns import InteractionColumns, decode
from schemas.hashing import hash_text
from schemas.interactions import PLAY, SHARE
from schemas.limits import CLIP_SECONDS
from schemas.topics import INTERACTIONS
from streams.chunk_reading import read_chunks
from streams.kafka import topic_name
from streams.learning.snapshot import PartitionPart, Snapshot
from streams.settings import Settings
from streams.state import exclusions_of
from streams.state_key import StateKey

_CLIP_MS: Final = CLIP_SECONDS * 1000
_MOST_CLIPS: Final = 64
"""Of one interaction."""
_WEIGHT: Final = np.zeros(PLAY + SHARE + 1, np.float32)
_WEIGHT[PLAY], _WEIGHT[SHARE] = 0.2, 1.0


class Viewing(NamedTuple):
    """m times that a session watched or shared a clip, each clip once a session, in a fixed order."""

    session: NDArray[np.int64]
    clip: NDArray[np.int64]
    """Rows of the snapshot."""
    weight: NDArray[np.float32]


def viewing(settings: Settings, snapshot: Snapshot, newest: int) -> Viewing:
    """Read who watched and shared what in about the newest interactions that the snapshot has applied.

    Args:
        settings: all settings.
        snapshot: of the library.
        newest: how many interactions, over all partitions.

    Raises:
        DeliveryError: Kafka does not answer.
    """
    key, lookup = StateKey.of(settings), _Lookup(snapshot, StateKey.of(settings))
    parts = [_Found.none()]
    for part in snapshot.parts:
        parts += _of_partition(settings, part, key, lookup, newest // len(snapshot.parts))
    return _once(_Found(*(np.concatenate(columns) for columns in zip(*parts, strict=True))))


class _Found(NamedTuple):
    session: NDArray[np.uint64]
    clip: NDArray[np.int64]
    weight: NDArray[np.float32]

    @classmethod
    def none(cls) -> "_Found":
        return cls(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.float32))


class _Lookup:
    """Rows of the snapshot by video hash and clip index."""

    def __init__(self, snapshot: Snapshot, key: StateKey) -> None:
        hashes = np.array([hash_text(video, key.hash_key) for video in snapshot.videos], np.uint64)
        self._order = np.argsort(hashes)
        self._hashes = hashes[self._order]
        self._clips = snapshot.video << 32 | snapshot.clip_index

    def rows(self, video: NDArray[np.uint64], clip_index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return rows, -1 where there is none."""
        place = np.searchsorted(self._hashes, video).clip(max=len(self._hashes) - 1)
        wanted = self._order[place] << 32 | clip_index
        row = np.searchsorted(self._clips, wanted).clip(max=len(self._clips) - 1)
        return np.where((self._hashes[place] == video) & (self._clips[row] == wanted), row, -1)


def _of_partition(settings: Settings, part: PartitionPart, key: StateKey, lookup: _Lookup, newest: int) -> list[_Found]:
    last = part.lineage.applied_offset
    first, exclusions = max(part.lineage.first_offset, last - newest + 1, 0), exclusions_of(part.excluded)
    topic = topic_name(settings.kafka, INTERACTIONS)
    found = []
    for chunk in read_chunks(settings.kafka, topic, part.lineage.partition, first, last):
        columns, _ = decode(chunk.values, key.hash_key, key.max_message_bytes)
        wanted = columns.accepted & ~exclusions.contain(columns) & ((columns.kind == PLAY) | (columns.kind == SHARE))
        found.append(_clips_of(columns, np.flatnonzero(wanted), lookup))
    return found


def _clips_of(columns: InteractionColumns, rows: NDArray[np.int64], lookup: _Lookup) -> _Found:
    """Return the clips that interactions touch by at least half."""
    half = _CLIP_MS // 2
    first = (columns.from_ms[rows] + half) // _CLIP_MS
    count = ((columns.to_ms[rows] + half) // _CLIP_MS - first).clip(0, _MOST_CLIPS)
    each = np.repeat(rows, count)
    clip_index = np.repeat(first, count) + np.arange(len(each)) - np.repeat(np.cumsum(count) - count, count)
    clip = lookup.rows(columns.video[each], clip_index)
    known = clip >= 0
    each = each[known]
    return _Found(columns.session[each], clip[known], _WEIGHT[columns.kind[each]])


def _once(found: _Found) -> Viewing:
    """Return each session's clips once, with the greatest weight."""
    session = np.unique(found.session, return_inverse=True)[1]
    order = np.lexsort((-found.weight, found.clip, session))
    session, clip, weight = session[order], found.clip[order], found.weight[order]
    first = (np.diff(session, prepend=-1) != 0) | (np.diff(clip, prepend=-1) != 0)
    return Viewing(session[first], clip[first], weight[first])
