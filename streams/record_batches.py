"""Record batches as Kafka's fetches bring them, whole: aiokafka, which reads them, would make an object of every record.

Importing this module changes how all of this process's aiokafka consumers read: a batch comes in place of each record. There is
no other seam, and what has other consumers is another process.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import cramjam
from aiokafka.consumer import fetcher
from aiokafka.errors import UnsupportedVersionError
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy
from aiokafka.record.util import calc_crc32c

CHUNK_RECORDS: Final = 16_384
"""About how many records are taken from a fetch at once."""
_CHUNK_BYTES: Final = 32 << 20
_FORMAT: Final = 2


@dataclass(frozen=True)
class RecordBatch:
    """Records in offset order, more than none, uncompressed and not yet read."""

    records: Any
    """Their bytes: whatever numpy takes for a buffer."""
    count: int
    base_offset: int
    offset: int
    """The last one that it may hold: aiokafka goes on behind it."""
    base_time_ms: int
    has_one_time: bool
    """Whether `base_time_ms` is the time of all, which the broker has set."""
    wanted_offset: int = 0
    """Records before it were not asked for: a fetch brings whole batches."""


class _Batch(_DefaultRecordBatchPy):
    """What aiokafka knows of a batch - its header, transaction, compression - with all its records as one, and no copy of it."""

    def __init__(self, buffer: memoryview) -> None:
        self._buffer: memoryview | bytearray = buffer
        self._header_data = self.HEADER_STRUCT.unpack_from(buffer)
        self._pos, self._num_records = self.HEADER_STRUCT.size, self._header_data[12]
        self._next_record_index, self._decompressed = 0, False

    def validate_crc(self) -> bool:
        return bool(calc_crc32c(self._buffer[self.ATTRIBUTES_OFFSET :]) == self.crc)

    def __iter__(self) -> Iterator[RecordBatch]:
        return iter([self._as_one()] if self._num_records > 0 else [])

    def __next__(self) -> Any:
        self._buffer = bytearray(self._buffer)  # the record of a transaction's end, which aiokafka reads by itself
        return super().__next__()

    def _as_one(self) -> RecordBatch:
        has_one_time = self.timestamp_type == self.LOG_APPEND_TIME
        return RecordBatch(
            self._uncompressed(),
            self._num_records,
            self.base_offset,
            self.next_offset - 1,
            self.max_timestamp if has_one_time else self.first_timestamp,
            has_one_time,
        )

    def _uncompressed(self) -> Any:
        if self.compression_type == self.CODEC_LZ4:
            return cramjam.lz4.decompress(self._buffer[self._pos :])
        self._maybe_uncompress()
        return memoryview(self._buffer)[self._pos :]


class _Batches(_MemoryRecordsPy):
    """The batches of one fetch."""

    def next_batch(self) -> _Batch:
        batch = self._next_slice
        self._cache_next()
        if batch[self.MAGIC_OFFSET] != _FORMAT:
            found = batch[self.MAGIC_OFFSET]
            message = f"messages of format {found}, older than Kafka 0.11, cannot be read: have the broker convert them"
            raise UnsupportedVersionError(message)
        return _Batch(batch)


class _PartitionRecords(fetcher.PartitionRecords):
    """Leaves out what its sender has taken back, and notes what was asked for."""

    def _consumer_record(self, _tp: Any, batch: RecordBatch) -> RecordBatch:
        wanted = self.next_fetch_offset
        return replace(batch, wanted_offset=wanted) if wanted > batch.base_offset else batch


class _FetchResult(fetcher.FetchResult):
    """Hands out batches until their records make a chunk: aiokafka would count batches."""

    _partition_records: Any

    def getall(self, max_records: int | None = None) -> list[RecordBatch]:
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return []
        taken: list[RecordBatch] = []
        records = size = 0
        for batch in self._partition_records:
            taken.append(batch)
            records, size = records + batch.count, size + len(batch.records)
            if records >= CHUNK_RECORDS or size >= _CHUNK_BYTES or len(taken) == max_records:
                self._update_position()
                return taken
        self._update_position()
        self._partition_records = None
        return taken


fetcher.MemoryRecords, fetcher.PartitionRecords, fetcher.FetchResult = _Batches, _PartitionRecords, _FetchResult
