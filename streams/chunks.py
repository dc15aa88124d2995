"""A chunk: the messages of one partition that one fetch brought, in offset order and by columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from aiokafka.record.util import decode_varint
from numpy.typing import NDArray

from schemas.byte_column import ByteColumn
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
        """Return the messages of some batches."""
        buffer = np.concatenate([batch.buffer for batch in batches])
        buffer.flags.writeable = False
        sizes = [len(batch.buffer) for batch in batches]
        shift = np.repeat(np.cumsum(sizes) - sizes, [len(batch) for batch in batches])
        places = np.concatenate([batch.columns for batch in batches], axis=1)
        _, _, key, key_length, value, value_length, headers, headers_length = places
        return cls(
            topic,
            partition,
            ByteColumn(buffer, value + shift, value_length),
            ByteColumn(buffer, key + shift, key_length),
            ByteColumn(buffer, headers + shift, headers_length),
            np.concatenate([batch.offsets for batch in batches]),
            np.concatenate([batch.timestamps_ms for batch in batches]),
        )

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
