"""Batches by columns against aiokafka's own reading of the same bytes, record by record."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from aiokafka.errors import CorruptRecordException, UnsupportedVersionError
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import example, given
from hypothesis import strategies as st

from streams.chunks import Chunk
from streams.record_batches import RecordBatch, _Batches

_GZIP, _SNAPPY, _LZ4, _ZSTD = 1, 2, 3, 4
_HEADER_BYTES = 61


@dataclass(frozen=True)
class Message:
    """One message of a topic."""

    offset: int
    time_ms: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def encoded(messages: list[Message], base_offset: int = 0, compression: int = 0) -> bytes:
    """Return messages, with offsets relative to the batch's, as one batch in Kafka's format."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=compression, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1 << 30,
    )  # fmt: skip
    for each in messages:
        builder.append(each.offset, each.time_ms, each.key, each.value, each.headers)
    batch = bytearray(builder.build())
    batch[:8] = base_offset.to_bytes(8, "big")
    return bytes(batch)


def read(batches: bytes) -> Chunk:
    """Return all records of some batches as one chunk."""
    reader, found = _Batches(batches), []
    while reader.has_next():
        batch = reader.next_batch()
        assert batch.validate_crc()
        found += list(batch)
    return Chunk.of("t", 0, found)


def as_aiokafka_reads(batches: bytes) -> list[Message]:
    """Return all records of some batches as aiokafka finds them."""
    reader, found = MemoryRecords(batches), []
    while reader.has_next():
        for record in reader.next_batch():
            found.append(Message(record.offset, record.timestamp, record.key, record.value, list(record.headers)))
    return found


def messages_of(chunk: Chunk) -> list[Message]:
    """Return a chunk's messages one by one."""
    return [
        Message(int(offset), int(time_ms), chunk.keys.item(row), chunk.values.item(row), chunk.headers_of(row))
        for row, (offset, time_ms) in enumerate(zip(chunk.offsets, chunk.timestamps_ms, strict=True))
    ]


_bytes = st.none() | st.binary(max_size=300)
_headers = st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=5)), max_size=3)


@st.composite
def _batches(draw: st.DrawFn) -> list[Message]:
    steps = draw(st.lists(st.integers(1, 1 << 20), min_size=1, max_size=30))
    offsets = np.cumsum(steps) - steps[0]
    return [Message(int(offset), draw(st.integers(0, 1 << 42)), draw(_bytes), draw(_bytes), draw(_headers)) for offset in offsets]


@given(first=_batches(), second=_batches(), compression=st.sampled_from([0, _GZIP, _LZ4, _ZSTD]))
def test_columns_hold_what_aiokafka_finds(first: list[Message], second: list[Message], compression: int) -> None:
    """Keys, values, headers, offsets and times are the same, whatever is null, and with compacted records between them."""
    batches = encoded(first, 1_000, compression) + encoded(second, 1 << 40)
    assert messages_of(read(batches)) == as_aiokafka_reads(batches)


def test_time_of_the_broker_holds_where_it_is_set() -> None:
    """A batch whose stamps are the broker's has one time for all."""
    batch = bytearray(encoded([Message(0, 5, None, b"a", []), Message(1, 9, None, b"b", [])]))
    batch[22] |= 8
    batch[35:43] = (77).to_bytes(8, "big")
    assert [each.time_ms for each in messages_of(read_unchecked(bytes(batch)))] == [77, 77]


def read_unchecked(batch: bytes) -> Chunk:
    """Return the records of one batch that does not fit its check sum."""
    return Chunk.of("t", 0, [read_unchecked_batch(batch)])


def read_unchecked_batch(batch: bytes) -> RecordBatch:
    """Return one batch that does not fit its check sum."""
    (found,) = _Batches(batch).next_batch()
    return found


@given(at=st.integers(_HEADER_BYTES, 140), byte=st.integers(0, 255))
@example(at=_HEADER_BYTES, byte=0xFF)
@example(at=_HEADER_BYTES, byte=0x01)
def test_broken_bytes_are_refused_or_read_within_the_batch(at: int, byte: int) -> None:
    """No length that a broken batch gives leads out of its bytes."""
    batch = bytearray(encoded([Message(place, 5, b"key", b"value", [("name", b"x")]) for place in range(4)]))
    batch[min(at, len(batch) - 1)] = byte
    try:
        found = read_unchecked(bytes(batch))
    except CorruptRecordException:
        return
    for column in (found.keys, found.values, found.headers):
        assert ((column.length >= -1) & (column.start >= 0) & (column.start + column.length <= len(column.buffer))).all()


def test_a_batch_that_ends_early_is_refused() -> None:
    """A batch with fewer bytes than its records say is not read, and named by its place."""
    whole = read_unchecked_batch(encoded([Message(0, 5, b"key", b"value", [])], 7))
    for length in range(len(whole.records)):
        short = replace(whole, records=bytes(whole.records[:length]))
        with pytest.raises(CorruptRecordException, match="t, partition 3, from offset 7 on are not whole"):
            Chunk.of("t", 3, [short])


def test_bytes_behind_the_last_record_are_refused() -> None:
    """A batch with more bytes than its records say is not read."""
    whole = read_unchecked_batch(encoded([Message(0, 5, b"key", b"value", [])]))
    with pytest.raises(CorruptRecordException):
        Chunk.of("t", 0, [replace(whole, records=bytes(whole.records) + b" ")])


def test_old_formats_are_named() -> None:
    """Messages from before Kafka 0.11 are refused with the way out."""
    builder = LegacyRecordBatchBuilder(magic=1, compression_type=0, batch_size=1 << 20)
    builder.append(0, timestamp=5, key=None, value=b"a" * 40)
    with pytest.raises(UnsupportedVersionError, match=r"format 1.*broker convert"):
        _Batches(bytes(builder.build())).next_batch()


@pytest.mark.parametrize(("wanted", "offsets"), [(10, [10, 12, 15]), (11, [12, 15]), (15, [15]), (16, [])])
def test_a_fetch_within_a_batch_begins_where_it_was_asked_to(wanted: int, offsets: list[int]) -> None:
    """What lies before the wanted offset is left out, even if compaction has left nothing behind it."""
    batch = read_unchecked_batch(encoded([Message(place, place, None, b"%d" % place, []) for place in (0, 2, 5)], 10))
    chunk = Chunk.of("t", 0, [replace(batch, wanted_offset=wanted)])
    assert chunk.offsets.tolist() == offsets
    assert [chunk.values.item(row) for row in range(len(chunk))] == [b"%d" % (offset - 10) for offset in offsets]
