"""A chunk: the messages of one partition that one fetch brought, in offset order."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray


class Chunk(NamedTuple):
    """n raw messages of one partition."""

    topic: str
    partition: int
    values: list[bytes | None]
    keys: list[bytes | None]
    headers: list[Sequence[tuple[str, bytes]]]
    offsets: NDArray[np.int64]
    timestamps_ms: NDArray[np.int64]

    @classmethod
    def of_records(cls, topic: str, partition: int, records: Sequence[Any]) -> Self:
        """Return the chunk of a list of aiokafka's records."""
        count = len(records)
        return cls(
            topic,
            partition,
            [record.value for record in records],
            [record.key for record in records],
            [record.headers for record in records],
            np.fromiter((record.offset for record in records), np.int64, count),
            np.fromiter((record.timestamp for record in records), np.int64, count),
        )

    def part(self, start: int, end: int) -> Self:
        """Return messages `start`... up to, without, `end`."""
        if start == 0 and end >= len(self.values):
            return self
        rows = slice(start, end)
        return self._replace(
            values=self.values[rows], keys=self.keys[rows], headers=self.headers[rows],
            offsets=self.offsets[rows], timestamps_ms=self.timestamps_ms[rows],
        )  # fmt: skip
