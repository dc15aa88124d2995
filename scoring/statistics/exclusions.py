"""Sessions and viewers whose interactions are passed over, as if they had never been."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from schemas.columns import InteractionColumns


class Exclusions(NamedTuple):
    """Hashes of excluded identifiers, each sorted."""

    sessions: NDArray[np.uint64]
    viewers: NDArray[np.uint64]

    @classmethod
    def none(cls) -> Self:
        """Return no exclusions."""
        return cls.of(set(), set())

    @classmethod
    def of(cls, sessions: set[int], viewers: set[int]) -> Self:
        """Return the exclusions of these hashes."""
        return cls(np.array(sorted(sessions), np.uint64), np.array(sorted(viewers), np.uint64))

    def contain(self, columns: InteractionColumns) -> NDArray[np.bool_]:
        """Return which of n interactions are excluded, bool[n]; none that was rejected is."""
        excluded = np.zeros(len(columns.accepted), np.bool_)
        for hashes, column in ((self.sessions, columns.session), (self.viewers, columns.viewer)):
            if len(hashes):
                place = np.searchsorted(hashes, column).clip(max=len(hashes) - 1)
                excluded |= hashes[place] == column
        excluded &= columns.accepted
        return excluded
