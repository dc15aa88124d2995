"""The newest score of every clip, in columns, kept up with ClickHouse by reading what has been published since."""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from schemas.clickhouse import LIKELY_TAGS
from streams import clickhouse
from streams.serving.snapshot import COLUMNS, FLOATS, INTEGERS, MOVING, STILL, Snapshot

_OVERLAP_MS: Final = 2_000
"""How long before the newest row the next read begins: an insert takes time, and a later one may be seen before it."""
_PARTITION_BITS: Final = 20
_MOST_SETTLED: Final = 2_000
"""Batches named in one question; ClickHouse bounds a parameter's length."""
_SLICES: Final = 16
"""A row may be seen later still, as when ClickHouse was away: one read in eight has a slice of the library, too, of any age."""
_READS_PER_SLICE: Final = 8
SWEEP: Final = _SLICES * _READS_PER_SLICE
"""Reads after which every clip has been read again."""
_CLIP_BITS: Final = 14
_VIDEOS_ASKED: Final = 500

_CHANGED: Final = f"""
SELECT video_id, clip_index, {", ".join((*FLOATS, *INTEGERS))}, version, supervised_offset,
       toUnixTimestamp64Milli(published_at) AS published_at_ms,
       ifNull(toUnixTimestamp64Milli(event_at), -1) AS event_at_ms,
       (event_at IS NOT NULL OR supervised_score IS NOT NULL OR ranker_score IS NOT NULL) AS known,
       bitShiftLeft(published_at_ms, {_PARTITION_BITS}) + source_partition AS batch
FROM clip_scores
WHERE published_at >= fromUnixTimestamp64Milli({{since:Int64}}) AND batch NOT IN {{settled:Array(Int64)}}"""
_OR_IN_SLICE: Final = f" OR cityHash64(video_id, clip_index) % {_SLICES} = {{slice:UInt8}}"
_OLDEST_FIRST: Final = " ORDER BY version"

_OUTPUTS: Final = f"""
SELECT video_id, clip_index, toString(category) AS category, toJSONString(tags) AS tags_json,
       toInt64(source_offset) AS source_offset,
       {LIKELY_TAGS} AS likely_tags
FROM supervised_outputs FINAL
WHERE {{everything:Bool}} OR video_id IN {{videos:Array(String)}}
"""

_COLUMNS: Final = COLUMNS | {"version": "u8", "supervised_offset": "i8"}


class Library:
    """All clips that have a score. One thread refreshes it; the snapshots that it makes are for all."""

    def __init__(self, client: Client) -> None:
        """Begin empty; `client` reads ClickHouse."""
        self._client = client
        self._rows: dict[str, NDArray[Any]] = {name: np.zeros(0, kind) for name, kind in _COLUMNS.items()}
        self._videos: dict[str, int] = {}
        self._categories: dict[str, int] = {"": 0}
        self._tags: dict[str, NDArray[np.uint32]] = {}
        self._tags_json: NDArray[np.object_] = np.zeros(0, object)
        self._newest_ms = 0
        self._settled: NDArray[np.int64] = np.zeros(0, np.int64)
        self._reads = 0
        self._keys: NDArray[np.int64] = np.zeros(0, np.int64)
        self._place: NDArray[np.int64] = np.zeros(0, np.int64)

    def refresh(self) -> bool:
        """Read what was published since the last time; return whether anything is new.

        Raises:
            DeliveryError: ClickHouse does not answer.
        """
        table = self._published()
        if not len(table):
            return False
        places = self._places(table)
        newer = _integers(table, "version") > self._rows["version"][places].astype(np.int64)
        if newer.any():
            self._take(table.filter(newer), places[newer])
        self._settle(_integers(table, "batch"), newer)
        return bool(newer.any())

    def _published(self) -> pa.Table:
        self._reads += 1
        number, waits = divmod(self._reads, _READS_PER_SLICE)
        since, settled = max(0, self._newest_ms - _OVERLAP_MS), self._settled[-_MOST_SETTLED:].tolist()
        query = _CHANGED + ("" if waits else _OR_IN_SLICE) + _OLDEST_FIRST
        return self._read(query, {"since": since, "settled": settled, "slice": number % _SLICES})

    def _take(self, table: pa.Table, places: NDArray[np.int64]) -> None:
        """Put newer rows in their places, and what models say of them: all of it, or nothing where ClickHouse does not answer."""
        changed = _integers(table, "supervised_offset") != self._rows["supervised_offset"][places]
        videos = pc.unique(table["video_id"].filter(pa.array(changed))).to_pylist()
        outputs = self._outputs(videos if self._newest_ms else None) if videos else None
        for name in (*FLOATS, *INTEGERS, "event_at_ms", "version", "supervised_offset", "known"):
            self._rows[name][places] = pc.fill_null(table[name], np.nan) if name in FLOATS else table[name]
        if outputs is not None:
            self._refresh_outputs(places[changed], outputs)
        self._newest_ms = max(self._newest_ms, int(pc.max(table["published_at_ms"]).as_py()))

    def _settle(self, batches: NDArray[np.int64], newer: NDArray[np.bool_]) -> None:
        """Ask no more for batches, the rows of a partition published in one millisecond, that had nothing new.

        So each is read twice, instead of as often as it stands in the overlap. An insert appears whole but where it is of a
        million rows, or of several servers: whatever of it comes still later is found slice by slice, as any row that is late.

        Args:
            batches: [n] of all rows that were read.
            newer: [n] whether they were new.
        """
        settled = np.setdiff1d(np.union1d(self._settled, batches), batches[newer])
        self._settled = settled[settled >= (self._newest_ms - _OVERLAP_MS) << _PARTITION_BITS]

    def snapshot(self, name: str) -> Snapshot:
        """Return the present state under a name."""
        return Snapshot(
            name=name,
            published_at_ms=self._newest_ms,
            rows={name: self._rows[name] for name in STILL} | {name: self._rows[name].copy() for name in MOVING},
            order=self._ranking(),
            videos=list(self._videos),
            categories=list(self._categories),
            tags=self._tags,
            tags_json=self._tags_json,
        )

    def _ranking(self) -> NDArray[np.uint32]:
        """Return the places of the known clips, best first, and of two that are worth the same the one that came first.

        Worth and place are sorted as one integer, which is ten times as fast as sorting places by their worth.
        """
        known = np.flatnonzero(self._rows["known"]).astype(np.uint64)
        bits = (-self._rows["worth"][known]).view(np.uint32)
        ascending = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))  # in the order of the numbers, negative ones first
        keys = ascending.astype(np.uint64) << np.uint64(32) | known
        keys.sort()
        return keys.astype(np.uint32)

    def _read(self, query: str, parameters: dict[str, Any]) -> pa.Table:
        with clickhouse.telling("ClickHouse did not answer"):
            return self._client.query_arrow(query, parameters=parameters, use_strings=True)

    def _places(self, table: pa.Table) -> NDArray[np.int64]:
        """Return each row's place in the columns; clips that are new get one."""
        keys = self._clip_keys(table)
        at, is_known = self._find(keys)
        if not is_known.all():
            self._append(np.unique(keys[~is_known]))
            at, _ = self._find(keys)
        return self._place[at]

    def _clip_keys(self, table: pa.Table) -> NDArray[np.int64]:
        encoded = pc.dictionary_encode(table["video_id"].combine_chunks())
        codes = [self._videos.setdefault(video, len(self._videos)) for video in encoded.dictionary.to_pylist()]
        video = np.array(codes, np.int64)[encoded.indices.to_numpy()]
        keys: NDArray[np.int64] = (video << _CLIP_BITS) | _integers(table, "clip_index")
        return keys

    def _find(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return where in `_keys` each of some keys is, and which are there, by bisection: numpy's own sets would sort all."""
        at = np.searchsorted(self._keys, keys)
        found = at < len(self._keys)
        found[found] = self._keys[at[found]] == keys[found]
        return at, found

    def _append(self, keys: NDArray[np.int64]) -> None:
        first = len(self._tags_json)
        rows = {name: np.zeros(len(keys), kind) for name, kind in _COLUMNS.items()}
        rows["video"][:], rows["clip_index"][:] = keys >> _CLIP_BITS, keys & ((1 << _CLIP_BITS) - 1)
        rows["supervised_offset"][:] = -1
        self._rows = {name: np.concatenate((column, rows[name])) for name, column in self._rows.items()}
        self._tags_json = np.concatenate((self._tags_json, np.full(len(keys), b"{}", object)))
        merged, places = np.concatenate((self._keys, keys)), np.concatenate((self._place, np.arange(first, first + len(keys))))
        order = np.argsort(merged)
        self._keys, self._place = merged[order], places[order]

    def _outputs(self, videos: list[str] | None) -> pa.Table:
        """Return what models said of videos, of all when None: some at a time, since ClickHouse bounds a parameter's length."""
        if videos is None:
            return self._read(_OUTPUTS, {"everything": True, "videos": []})
        slices = (videos[first : first + _VIDEOS_ASKED] for first in range(0, len(videos), _VIDEOS_ASKED))
        return pa.concat_tables(self._read(_OUTPUTS, {"everything": False, "videos": part}) for part in slices)

    def _refresh_outputs(self, changed: NDArray[np.int64], outputs: pa.Table) -> None:
        """Put what models say now in place of all that was known of clips.

        Args:
            changed: [n] places of clips for which a worker has taken a newer supervised output, or none.
            outputs: what is said of their videos; a row that is older than the clip's score does not hold any more.
        """
        at, known = self._find(self._clip_keys(outputs))
        outputs, places = outputs.filter(pa.array(known)), self._place[at[known]]
        scored = self._rows["supervised_offset"][places]
        holds = (scored >= 0) & (_integers(outputs, "source_offset") >= scored)
        outputs, places = outputs.filter(pa.array(holds)), places[holds]
        encoded = pc.dictionary_encode(outputs["category"].combine_chunks())
        codes = [self._categories.setdefault(name, len(self._categories)) for name in encoded.dictionary.to_pylist()]
        self._rows["category"], self._tags_json = self._rows["category"].copy(), self._tags_json.copy()
        self._rows["category"][changed], self._tags_json[changed] = 0, b"{}"
        self._rows["category"][places] = np.array(codes, np.int32)[encoded.indices.to_numpy()]
        self._tags_json[places] = [text.encode() for text in outputs["tags_json"].to_pylist()]
        self._set_tags(outputs["likely_tags"].combine_chunks(), places, changed)

    def _set_tags(self, likely: pa.ListArray, places: NDArray[np.int64], changed: NDArray[np.int64]) -> None:
        """Say which clips have which tags, in arrays of their own where that changes: snapshots hold the old ones."""
        said, none = _by_tag(likely, places), np.zeros(0, np.uint32)
        is_anew = np.zeros(len(self._tags_json), np.bool_)
        is_anew[places] = is_anew[changed] = True
        tags = {}
        for name in self._tags | said:
            had, has = self._tags.get(name, none), said.get(name, none)
            goes = is_anew[had]
            if len(has) or goes.any():
                had = np.sort(np.concatenate((had[~goes], has)))
            if len(had):
                tags[name] = had
        self._tags = tags


def _by_tag(likely: pa.ListArray, places: NDArray[np.int64]) -> dict[str, NDArray[np.uint32]]:
    """Return the places of the clips that have a tag, by tag."""
    flat = pc.dictionary_encode(pc.list_flatten(likely))
    names, tag = flat.dictionary.to_pylist(), flat.indices.to_numpy()
    order = np.argsort(tag, kind="stable")
    ends = np.cumsum(np.bincount(tag, minlength=len(names)))
    having = places[pc.list_parent_indices(likely).to_numpy()[order]].astype(np.uint32)
    return dict(zip(names, np.split(having, ends[:-1]), strict=False))  # of nothing, split makes one part


def _integers(table: pa.Table, name: str) -> NDArray[np.int64]:
    values: NDArray[np.int64] = table[name].to_numpy().astype(np.int64)
    return values
