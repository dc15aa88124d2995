"""A chunk: the messages of one partition that one fetch brought, in offset order and by columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from aiokafka.errors import CorruptRecordException
from aiokafka.record.util import decode_varint
from numpy.typing import NDArray

from schemas.byte_column import ByteColumn
from schemas.records import BatchColumns, RecordColumns, read_batches
from streams.record_batches import RecordBatch


@dataclass(frozen=True)
class Chunk:
    """n raw messages of one partition."""

    topic: str
    partition: int
    values: ByteColumn
    keys: ByteColumn
    headers: ByteColumn
    """As Kafka encodes them."""
    offsets: NDArray[np.int64]
    timestamps_ms: NDArray[np.int64]

    @classmethod
    def of(cls, topic: str, partition: int, batches: Sequence[RecordBatch]) -> Self:
        """Return the messages of some batches, in offset order, without those that were not asked for.

        Raises:
            CorruptRecordException: the records of a batch are not whole.
        """
        buffer = np.concatenate([np.frombuffer(batch.records, np.uint8) for batch in batches])
        buffer.flags.writeable = False
        places = BatchColumns(
            records=np.array([batch.count for batch in batches]),
            end=np.cumsum([len(batch.records) for batch in batches]),
            base_offset=np.array([batch.base_offset for batch in batches]),
            base_time_ms=np.array([batch.base_time_ms for batch in batches]),
            has_one_time=np.array([batch.has_one_time for batch in batches], np.int64),
        )
        records = RecordColumns.empty(int(places.records.sum()))
        whole = read_batches(buffer, places, records)
        if whole < len(batches):
            message = f"the records of {topic}, partition {partition}, from offset {batches[whole].base_offset} on are not whole"
            raise CorruptRecordException(message)
        chunk = cls(
            topic,
            partition,
            ByteColumn(buffer, records.value_start, records.value_length),
            ByteColumn(buffer, records.key_start, records.key_length),
            ByteColumn(buffer, records.headers_start, records.headers_length),
            records.offset,
            records.time_ms,
        )
        return chunk.part(int(records.offset.searchsorted(batches[0].wanted_offset)), len(chunk))

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self.offsets)

    def part(self, start: int, end: int) -> Self:
        """Return messages `start`... up to, without, `end`."""
        if start == 0 and end >= len(self):
            return self
        rows = slice(start, end)
        return replace(
            self, values=self.values.part(rows), keys=self.keys.part(rows), headers=self.headers.part(rows),
            offsets=self.offsets[rows], timestamps_ms=self.timestamps_ms[rows],
        )  # fmt: skip

    def headers_of(self, row: int) -> list[tuple[str, bytes | None]]:
        """Return the headers of one message."""
        encoded = self.headers.item(row) or b"\0"
        count, at = decode_varint(encoded, 0)
        headers = []
        for _ in range(count):
            name, at = _text(encoded, at)
            value, at = _text(encoded, at)
            headers.append(((name or b"").decode(errors="replace"), value))
        return headers


def _text(encoded: bytes, at: int) -> tuple[bytes | None, int]:
    """Return the bytes at a place, and the place behind them."""
    length, at = decode_varint(encoded, at)
    return (None, at) if length < 0 else (encoded[at : at + length], at + length)
