"""The changelog of a partition's statistics: what is written at a flush, and how state is made of it again.

Three kinds of records, told apart by the first byte of the key:

- `P` + page key: a statistics page, absolute. It is applied up to its own newest source offset.
- `S` + segment number + part: session records that changed in one flush, and in turn one of 64 buckets of all live records.
  After 64 flushes every live record has been written again, so a segment older than that is deleted.
- `L`: the ledger. It is written last, when all else of the flush has arrived; what came before it is only now valid. It
  holds the source offset up to which the state is applied, the counts of fates, and the prior of the rates.

A worker that dies within a flush leaves pages that are ahead of the ledger, and segments without one. Recovery takes the
pages as they are (each skips what it has applied), and of the sessions those up to the ledger: so they stand exactly at the
ledger's offset, and replay from there makes the same bits.
"""

import struct
from typing import Annotated, Final

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from schemas.errors import StateError
from scoring.rates import RatePrior
from scoring.statistics.pages import PAGE_DTYPE
from scoring.statistics.sessions import SESSION_DTYPE

RECORD_VERSION: Final = 1
PAGE, SEGMENT, LEDGER = b"P", b"S", b"L"
_SEGMENT_KEY = struct.Struct(">cQI")
_PART_RECORDS: Final = 8_192
_VERSION_BYTE = bytes([RECORD_VERSION])


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

    record_version: int = RECORD_VERSION
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
    """Messages read: applied + duplicates + dead letters."""
    newest_ms: int = -1
    segment: int = 0
    """Number of the newest segment."""
    prior: LedgerPrior


def page_record(video_id: bytes, page: NDArray[np.void]) -> tuple[bytes, bytes]:
    """Return key and value of a page's record."""
    return PAGE + page["key"].tobytes(), _VERSION_BYTE + bytes([len(video_id)]) + video_id + page.tobytes()


def read_page(value: bytes) -> tuple[bytes, NDArray[np.void]]:
    """Return the video id and the page (PAGE_DTYPE, one element) of a record's value.

    Raises:
        StateError: it was written by another version.
    """
    _check_version(value[0])
    end = 2 + value[1]
    return value[2:end], np.frombuffer(value, PAGE_DTYPE, count=1, offset=end)[0]


def segment_records(number: int, records: NDArray[np.void]) -> list[tuple[bytes, bytes]]:
    """Return keys and values of a segment of session records, in parts of bounded size."""
    parts = range(0, max(len(records), 1), _PART_RECORDS)
    return [
        (_SEGMENT_KEY.pack(SEGMENT, number, part), _VERSION_BYTE + records[start : start + _PART_RECORDS].tobytes())
        for part, start in enumerate(parts)
    ]


def read_segment(key: bytes, value: bytes) -> tuple[int, NDArray[np.void]]:
    """Return the number and the session records of a segment's part."""
    _check_version(value[0])
    return segment_number(key), np.frombuffer(value, SESSION_DTYPE, offset=1)


def segment_number(key: bytes) -> int:
    """Return the number of the segment that a key belongs to."""
    return int(_SEGMENT_KEY.unpack(key)[1])


def ledger_record(ledger: Ledger) -> tuple[bytes, bytes]:
    """Return key and value of a ledger's record."""
    return LEDGER, orjson.dumps(ledger.model_dump())


def read_ledger(value: bytes) -> Ledger:
    """Return the ledger of a record's value."""
    content = orjson.loads(value)
    _check_version(content.get("record_version"))
    return Ledger.model_validate(content)


def _check_version(version: int) -> None:
    if version != RECORD_VERSION:
        message = (
            f"changelog record of version {version}; this worker reads version {RECORD_VERSION}: "
            "run the version that wrote it, or rebuild the state from the source topic"
        )
        raise StateError(message)
