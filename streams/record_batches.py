"""Record batches as Kafka's fetches bring them, by columns: aiokafka, which reads them, would make an object of every record.

Importing this module changes how all of this process's aiokafka consumers read: a batch comes in place of each record. There is
no other seam, and what has other consumers is another process.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException, UnsupportedVersionError
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy
from numpy.typing import NDArray

from schemas.records import RecordColumns, read_records

CHUNK_RECORDS: Final = 16_384
"""About how many records are taken from a fetch at once."""
_CHUNK_BYTES: Final = 32 << 20
_FORMAT: Final = 2


@dataclass(frozen=True)
class RecordBatch:
    """n records in offset order, n > 0."""

    buffer: NDArray[np.uint8]
    columns: NDArray[np.int64]
    """Where things lie in the buffer: RecordColumns, [8, n]."""
    offsets: NDArray[np.int64]
    timestamps_ms: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.offsets)

    @property
    def offset(self) -> int:
        """The last record's: aiokafka goes on behind it."""
        return int(self.offsets[-1])

    def beginning_at(self, offset: int) -> Self:
        """Return the records from an offset on: a fetch brings whole batches."""
        first = int(self.offsets.searchsorted(offset))
        if first == 0:
            return self
        return type(self)(self.buffer, self.columns[:, first:], self.offsets[first:], self.timestamps_ms[first:])


class _Batch(_DefaultRecordBatchPy):  # type: ignore[misc]
    """What aiokafka knows of a batch - its header, transaction, compression - with all its records as one."""

    def __iter__(self) -> Iterator[RecordBatch]:
        return iter([self._read()] if self._num_records > 0 else [])

    def _read(self) -> RecordBatch:
        self._maybe_uncompress()
        buffer = np.frombuffer(self._buffer, np.uint8)
        buffer.flags.writeable = False
        columns = np.empty((len(RecordColumns._fields), self._num_records), np.int64)
        records = RecordColumns(*columns)
        if not read_records(buffer, self._pos, records):
            message = f"the records from offset {self.base_offset} on are not whole"
            raise CorruptRecordException(message)
        by_broker = self.timestamp_type == self.LOG_APPEND_TIME
        stamps = np.full(len(columns[0]), self.max_timestamp) if by_broker else records.time_ms + self.first_timestamp
        return RecordBatch(buffer, columns, records.offset + self.base_offset, stamps)


class _Batches(_MemoryRecordsPy):  # type: ignore[misc]
    """The batches of one fetch."""

    def next_batch(self) -> _Batch:
        batch = self._next_slice
        self._cache_next()
        if batch[self.MAGIC_OFFSET] != _FORMAT:
            found = batch[self.MAGIC_OFFSET]
            message = f"messages of format {found}, older than Kafka 0.11, cannot be read: have the broker convert them"
            raise UnsupportedVersionError(message)
        return _Batch(batch)


class _PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """Leaves out what was not asked for, and what its sender has taken back."""

    def _consumer_record(self, _tp: Any, batch: RecordBatch) -> RecordBatch:
        return batch.beginning_at(self.next_fetch_offset)


class _FetchResult(fetcher.FetchResult):  # type: ignore[misc]
    """Hands out batches until their records make a chunk: aiokafka would count batches."""

    _partition_records: Any

    def getall(self, max_records: int | None = None) -> list[RecordBatch]:
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return []
        taken: list[RecordBatch] = []
        records = size = 0
        for batch in self._partition_records:
            taken.append(batch)
            records, size = records + len(batch), size + len(batch.buffer)
            if records >= CHUNK_RECORDS or size >= _CHUNK_BYTES or len(taken) == max_records:
                self._update_position()
                return taken
        self._update_position()
        self._partition_records = None
        return taken


fetcher.MemoryRecords, fetcher.PartitionRecords, fetcher.FetchResult = _Batches, _PartitionRecords, _FetchResult
