"""A column of byte strings: one buffer and where each of them lies in it."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

NULL = -1
"""The length of a string that is not there."""


class ByteColumn(NamedTuple):
    """n byte strings, any of which may be null."""

    buffer: NDArray[np.uint8]
    """Not to be written to."""
    start: NDArray[np.int64]
    length: NDArray[np.int64]

    @classmethod
    def of(cls, values: Sequence[bytes | None]) -> Self:
        """Return byte strings as a column."""
        length = np.fromiter((NULL if value is None else len(value) for value in values), np.int64, len(values))
        used = length.clip(0)
        # Compiled code tells empty buffers of another type from full ones that may be written to: there are neither.
        buffer = np.frombuffer(b"".join(value or b"" for value in values) or b" ", np.uint8)
        return cls(buffer, np.cumsum(used) - used, length)

    def item(self, row: int) -> bytes | None:
        """Return one string."""
        start, length = self.start[row], self.length[row]
        return None if length == NULL else self.buffer[start : start + length].tobytes()

    def part(self, rows: slice) -> Self:
        """Return the strings of some rows, in the same buffer."""
        return self._replace(start=self.start[rows], length=self.length[rows])
