"""Kafka's records, format 2, by columns: where in a batch keys, values and headers lie, found at compiled speed.

Source: https://kafka.apache.org/documentation/#recordbatch. A record is: its length, attributes (int8), time and offset relative
to the batch's, key, value, headers; lengths and relative numbers are zigzag varints, and a length of -1 is null.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.compiled import compiled, inlined

_U64 = np.uint64
_MOST_BITS = 63


class RecordColumns(NamedTuple):
    """n records of one batch; places are in the batch's buffer, and a length of -1 is null."""

    offset: NDArray[np.int64]
    """Relative to the batch's, as `time_ms`."""
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
def _read_varint(buffer, at, end):  # type: ignore[no-untyped-def]
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
def _read_bytes(buffer, at, end):  # type: ignore[no-untyped-def]
    """Return (position behind them, their start, their length)."""
    at, length = _read_varint(buffer, at, end)
    if at > end or length < -1 or length > end - at:
        return end + 1, at, np.int64(0)
    return at + max(length, 0), at, length


@compiled
def read_records(buffer, start, columns):  # type: ignore[no-untyped-def]
    """Read the records that begin at `start` of `buffer` (uint8) into RecordColumns; False when they are not whole."""
    at, size = start, len(buffer)
    for row in range(len(columns.offset)):
        at, length = _read_varint(buffer, at, size)
        if length < 1 or at > size or length > size - at:
            return False
        end = at + length
        at, columns.time_ms[row] = _read_varint(buffer, at + 1, end)
        at, columns.offset[row] = _read_varint(buffer, at, end)
        at, columns.key_start[row], columns.key_length[row] = _read_bytes(buffer, at, end)
        at, columns.value_start[row], columns.value_length[row] = _read_bytes(buffer, at, end)
        if at > end:
            return False
        columns.headers_start[row], columns.headers_length[row] = at, end - at
        at = end
    return at == size
