"""Kafka's records, format 2, by columns: where in batches keys, values and headers lie, found at compiled speed.

Source: https://kafka.apache.org/documentation/#recordbatch. A record is: its length, attributes (int8), time and offset relative
to the batch's, key, value, headers; lengths and relative numbers are zigzag varints, and a length of -1 is null.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.compiled import compiled, inlined

_U64 = np.uint64
_MOST_BITS = 63


class BatchColumns(NamedTuple):
    """b batches, uncompressed, whose records lie one behind the other in a buffer."""

    records: NDArray[np.int64]
    """How many each has."""
    end: NDArray[np.int64]
    """Where its records end; those of the first begin at 0, of another where those before it end."""
    base_offset: NDArray[np.int64]
    base_time_ms: NDArray[np.int64]
    has_one_time: NDArray[np.int64]
    """1 where `base_time_ms` is the time of all records, 0 where theirs are relative to it."""


class RecordColumns(NamedTuple):
    """n records; places are in the buffer, and a length of -1 is null."""

    offset: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    key_start: NDArray[np.int64]
    key_length: NDArray[np.int64]
    value_start: NDArray[np.int64]
    value_length: NDArray[np.int64]
    headers_start: NDArray[np.int64]
    headers_length: NDArray[np.int64]

    @classmethod
    def empty(cls, count: int) -> "RecordColumns":
        """Return columns of n records, to be filled."""
        return cls(*np.empty((len(cls._fields), count), np.int64))


@inlined
def _read_varint(buffer, at, end):
    """Return (position behind it, value); a position beyond `end` where there is none."""
    word, bits = _U64(0), 0
    while at < end and bits <= _MOST_BITS:
        byte = _U64(buffer[at])
        at += 1
        word |= (byte & _U64(127)) << _U64(bits)
        if byte < _U64(128):
            return at, np.int64(word >> _U64(1)) ^ -np.int64(word & _U64(1))
        bits += 7
    return end + 1, np.int64(0)


@inlined
def _read_bytes(buffer, at, end):
    """Return (position behind them, their start, their length)."""
    at, length = _read_varint(buffer, at, end)
    if at > end or length < -1 or length > end - at:
        return end + 1, at, np.int64(0)
    return at + max(length, 0), at, length


@inlined
def _read_record(buffer, at, size, columns, row):
    """Read one record, offset and time as they stand there; return the position behind it, beyond `size` when it is broken."""
    at, length = _read_varint(buffer, at, size)
    if length < 1 or at > size or length > size - at:
        return size + 1
    end = at + length
    at, columns.time_ms[row] = _read_varint(buffer, at + 1, end)
    at, columns.offset[row] = _read_varint(buffer, at, end)
    at, columns.key_start[row], columns.key_length[row] = _read_bytes(buffer, at, end)
    at, columns.value_start[row], columns.value_length[row] = _read_bytes(buffer, at, end)
    columns.headers_start[row], columns.headers_length[row] = at, end - at
    return end if at <= end else size + 1


@compiled
def read_batches(buffer, batches, columns):
    """Read all records of b batches.

    Args:
        buffer: uint8, their records.
        batches: BatchColumns.
        columns: RecordColumns of as many records as they say to have; filled.

    Returns:
        b, or which batch is the first whose records are not whole.
    """
    row = at = 0
    for batch in range(len(batches.end)):
        size, has_one_time = batches.end[batch], batches.has_one_time[batch]
        for _ in range(batches.records[batch]):
            at = _read_record(buffer, at, size, columns, row)
            if at > size:
                return batch
            columns.offset[row] += batches.base_offset[batch]
            columns.time_ms[row] = batches.base_time_ms[batch] + (0 if has_one_time else columns.time_ms[row])
            row += 1
        if at != size:
            return batch
    return len(batches.end)
