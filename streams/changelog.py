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
from typing import Annotated, Final, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from schemas.byte_column import ByteColumn
from schemas.errors import StateError
from schemas.exclusions import Excluded, ExclusionKind
from schemas.fusion import FusionRelease
from schemas.packing import pack, unpack
from scoring.rates import RatePrior
from scoring.statistics.pages import PAGE_DTYPE, Pages
from scoring.statistics.sessions import SESSION_DTYPE

LEDGER_VERSION: Final = 4
"""2 has the fields from `epoch` on, 3 those of the ranker, 4 those of the fusion; all of them are still read."""
PAGE, SEGMENT, EXCLUSION, LEDGER = b"P", b"S", b"X", b"L"
BLOCK_OFFSETS: Final = 1 << 16
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


class LedgerPrior(BaseModel):
    """The prior of the rates, as numbers that survive JSON bit for bit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: list[list[float]]
    strength: list[float]
    fitted_offset: int

    @classmethod
    def of(cls, prior: RatePrior) -> "LedgerPrior":
        """Return a prior as it is kept in the ledger."""
        return cls(mean=prior.mean.tolist(), strength=prior.strength.tolist(), fitted_offset=prior.fitted_offset)

    def to_prior(self) -> RatePrior:
        """Return the prior."""
        return RatePrior(np.array(self.mean), np.array(self.strength), self.fitted_offset)


class Ledger(BaseModel):
    """What a partition has done with its source, up to and including `applied_offset`."""

    model_config = ConfigDict(extra="forbid")

    record_version: int = LEDGER_VERSION
    partition: int
    partitions: int
    fingerprint: str
    """Of the rules and the hash key that the state was made with."""
    first_offset: int = -1
    """First source offset that was consumed."""
    applied_offset: int = -1
    supervised_offset: int = -1
    applied: int = 0
    duplicates: int = 0
    searching: int = 0
    """Seeks among the applied that turned out to be searching."""
    dead_letters: dict[str, Annotated[int, Field(ge=1)]] = {}
    consecutive_dead_letters: int = 0
    """Dead letters in a row up to the applied offset."""
    missing: int = 0
    """Offsets passed over: the broker no longer had them, or they hold a transaction's marker."""
    consumed: int = 0
    """Messages read: applied + duplicates + excluded + dead letters."""
    newest_ms: int = -1
    segment: int = 0
    """Number of the newest segment."""
    prior: LedgerPrior
    epoch: int = 0
    """How often the state was computed anew from the source. Rows of a later epoch replace all those of an earlier one."""
    recent_block: int = -1
    """Block of BLOCK_OFFSETS offsets that `applied_offset` is in."""
    recent_messages: int = 0
    """Messages read of that block."""
    recent_dead_letters: int = 0
    """Dead letters among them."""
    excluded: int = 0
    exclusions_offset: int = -1
    """In topic exclusions, up to which the state was made without those whom it names."""
    republish: bool = False
    """The state has just taken another's place: all its rows are to be published, in an epoch later than that of any row."""
    records: int | None = None
    """Records of the changelog besides the ledger; None where version 1 did not tell."""
    ranker_release: str = ""
    """The release that the ranker scores are of; empty where there are none."""
    ranker_offset: int = -1
    """In topic ranker-scores, of the message that let it hold."""
    fusion: FusionRelease | None = None
    """The release that the scores are fused by, whole; None while none was sent, and the built-in fusion holds."""
    fusion_offset: int = -1
    """In topic fusion-releases, of its message."""


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
