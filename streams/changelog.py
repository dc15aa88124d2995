"""The changelog of a partition's state: what a flush writes, and how state is made of it again.

Four kinds of records, told apart by the first byte of the key:

- `P` + page key: a statistics page, absolute.
- `S` + segment number + part: session records that changed in one flush, and in turn one of 64 buckets of all live records.
  After 64 flushes every live record has been written again, so a segment older than that is deleted.
- `X` + kind + hash: a session or a viewer that the statistics were made without.
- `L`: the ledger. It holds the source offset up to which the state is applied, the counts of fates, and the prior of the rates.

All records of a flush are one transaction of the partition's writer, so whoever reads what is committed finds a state exactly
as it stood at the ledger's offset, and replay from there makes the same bits.
"""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from schemas.byte_column import ByteColumn
from schemas.errors import StateError
from schemas.exclusions import Excluded, ExclusionKind
from schemas.packing import pack, unpack
from scoring.statistics.pages import PAGE_DTYPE, Pages
from scoring.statistics.sessions import SESSION_DTYPE
from streams.ledger import LEDGER_VERSION, Ledger

PAGE, SEGMENT, EXCLUSION, LEDGER = b"P", b"S", b"X", b"L"
_SEGMENT_KEY = struct.Struct(">cQI")
_EXCLUSION_KEY = struct.Struct(">cBQ")
_PART_RECORDS: Final = 8_192
_EXCLUSION_VALUE = b"\1"
_SEGMENT_VERSION: Final = 2
"""2 is packed; 1 is still read."""
_SEGMENT_HEAD = struct.Struct("<BI")
"""Version, number of session records."""
_PAGE_VERSION: Final = 3
"""2 has the ranker's scores, 3 is packed; 1 and 2 are still read."""
_FIRST_PAGE_DTYPE: Final = np.dtype(
    [(name, PAGE_DTYPE[name]) for name in PAGE_DTYPE.names or () if not name.startswith("ranker_")]
)
_EMPTY_PAGE: Final = Pages.empty(1).records(np.zeros(1, np.int64))
_EMPTY_PAGE_WORDS: Final = _EMPTY_PAGE.view(np.uint64)


class Record(NamedTuple):
    """One record; without a value it deletes the one before."""

    key: bytes
    value: bytes | None


def page_records(video_ids: Sequence[bytes], pages: NDArray[np.void]) -> list[Record]:
    """Return the records of n pages (PAGE_DTYPE[n]) of the videos with these ids."""
    packed = pack(_words(pages), _EMPTY_PAGE_WORDS)
    parts = zip(video_ids, page_keys(pages["key"]), packed.start.tolist(), packed.length.tolist(), strict=True)
    buffer = packed.buffer.data
    return [
        Record(key, bytes((_PAGE_VERSION, len(video))) + video + buffer[start : start + length])
        for video, key, start, length in parts
    ]


def page_keys(keys: NDArray[np.uint64]) -> list[bytes]:
    """Return the keys of the records of pages with these hashes."""
    raw = keys.tobytes()
    return [PAGE + raw[at : at + 8] for at in range(0, len(raw), 8)]


def read_pages(values: Sequence[bytes]) -> tuple[list[bytes], NDArray[np.void]]:
    """Return video ids and pages (PAGE_DTYPE[n]) of n records' values.

    Raises:
        StateError: one was written by another version, or is not whole.
    """
    for value in values:
        _check_version(value[0], _PAGE_VERSION, oldest=1)
    packed = [value for value in values if value[0] == _PAGE_VERSION]
    plain = [value for value in values if value[0] != _PAGE_VERSION]
    words = _unpacked(packed, [2 + value[1] for value in packed], _EMPTY_PAGE_WORDS)
    pages = np.concatenate((words.view(PAGE_DTYPE)[:, 0], _plain_pages(plain)))
    return [value[2 : 2 + value[1]] for value in (*packed, *plain)], pages


def _plain_pages(values: Sequence[bytes]) -> NDArray[np.void]:
    """Return the pages of records of the versions that did not pack."""
    pages = np.repeat(_EMPTY_PAGE, len(values))
    for row, value in enumerate(values):
        dtype = _FIRST_PAGE_DTYPE if value[0] == 1 else PAGE_DTYPE
        old = np.frombuffer(value, dtype, count=1, offset=2 + value[1])
        for name in dtype.names or ():
            pages[name][row] = old[name][0]
    return pages


def segment_records(number: int, records: NDArray[np.void]) -> list[Record]:
    """Return the records of a segment of session records, in parts of bounded size."""
    parts = [records[start : start + _PART_RECORDS] for start in range(0, max(len(records), 1), _PART_RECORDS)]
    return [Record(_SEGMENT_KEY.pack(SEGMENT, number, part), _segment_part(records)) for part, records in enumerate(parts)]


def _segment_part(records: NDArray[np.void]) -> bytes:
    words = _words(records).reshape(1, -1)
    packed = pack(words, np.zeros(words.size, np.uint64))
    return _SEGMENT_HEAD.pack(_SEGMENT_VERSION, len(records)) + packed.buffer[: packed.length[0]].tobytes()


def read_segment(value: bytes) -> NDArray[np.void]:
    """Return the session records of a segment's part.

    Raises:
        StateError: it was written by another version, or is not whole.
    """
    _check_version(value[0], _SEGMENT_VERSION, oldest=1)
    if value[0] == 1:
        return np.frombuffer(value, SESSION_DTYPE, offset=1)
    count = _SEGMENT_HEAD.unpack_from(value)[1]
    words = _unpacked([value], [_SEGMENT_HEAD.size], np.zeros(count * SESSION_DTYPE.itemsize // 8, np.uint64))
    records: NDArray[np.void] = words[0].view(SESSION_DTYPE)
    return records


def _words(records: NDArray[np.void]) -> NDArray[np.uint64]:
    return records.view(np.uint64).reshape(len(records), records.dtype.itemsize // 8)


def _unpacked(values: Sequence[bytes], skipped: Sequence[int], usual: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the records that are packed in values, each behind so many other bytes."""
    column, begin = ByteColumn.of(values), np.array(skipped, np.int64)
    try:
        return unpack(column._replace(start=column.start + begin, length=column.length - begin), usual)
    except ValueError as error:
        message = f"the changelog is damaged: {error}. Compute the state again with `highlights worker --rebuild`"
        raise StateError(message) from error


def segment_number(key: bytes) -> int:
    """Return the number of the segment that a key belongs to."""
    return int(_SEGMENT_KEY.unpack(key)[1])


def exclusion_record(excluded: Excluded) -> Record:
    """Return the record of an exclusion."""
    return Record(_EXCLUSION_KEY.pack(EXCLUSION, list(ExclusionKind).index(excluded.kind), excluded.identifier), _EXCLUSION_VALUE)


def read_exclusion(key: bytes) -> Excluded:
    """Return who is excluded by a record with this key."""
    _, kind, identifier = _EXCLUSION_KEY.unpack(key)
    return Excluded(list(ExclusionKind)[kind], identifier)


def ledger_record(ledger: Ledger) -> Record:
    """Return a ledger's record."""
    return Record(LEDGER, orjson.dumps(ledger.model_dump()))


def read_ledger(value: bytes) -> Ledger:
    """Return the ledger of a record's value, in the present version."""
    content = orjson.loads(value)
    _check_version(content.get("record_version"), LEDGER_VERSION, oldest=1)
    return Ledger.model_validate(content | {"record_version": LEDGER_VERSION})


def _check_version(version: int, newest: int, oldest: int | None = None) -> None:
    if not (newest if oldest is None else oldest) <= version <= newest:
        message = (
            f"changelog record of version {version}; this worker reads up to version {newest}: "
            "run the version that wrote it, or compute the state again with `highlights worker --rebuild`"
        )
        raise StateError(message)
