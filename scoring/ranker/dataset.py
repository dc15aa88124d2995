"""What a ranker learns from."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


class RankedPairs(NamedTuple):
    """m pairs of rows, the preferred one first, with a confidence in (0, 1]."""

    preferred: NDArray[np.int64]
    other: NDArray[np.int64]
    confidence: NDArray[np.float64]

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> "RankedPairs":
        """Return some of the pairs."""
        return RankedPairs(self.preferred[rows], self.other[rows], self.confidence[rows])


@dataclass(frozen=True)
class Library:
    """n clips to score: what is known of each, and which are alike."""

    features: NDArray[np.float32]
    """[n, d], d may be 0; NaN where a feature is not known."""
    graph: csr_array | None = None
    """[n, n] neighbours, rows summing to 1 or empty (`scoring.graph.combine`); None where nothing is known of likeness."""
    structure: NDArray[np.float32] | None = None
    """[n, k] places of the clips in the graph (`scoring.graph.structure`), used beside the features."""

    def __post_init__(self) -> None:
        """Check that the parts are of the same clips.

        Raises:
            ValueError: they are not.
        """
        clips = len(self.features)
        if self.graph is not None and self.graph.shape != (clips, clips):
            message = f"graph has shape {self.graph.shape}, features are of {clips} clips: build both from the same clips"
            raise ValueError(message)
        if self.structure is not None and len(self.structure) != clips:
            message = f"structure is of {len(self.structure)} clips, features are of {clips}: build both from the same clips"
            raise ValueError(message)

    @property
    def clips(self) -> int:
        """How many clips there are."""
        return len(self.features)


@dataclass(frozen=True)
class RankingDataset:
    """A library, and what viewers and annotators say of its clips."""

    library: Library
    pairs: RankedPairs
    labels: NDArray[np.float32] | None = None
    """[n] worth by annotators, any scale, higher is better; NaN where a clip has no label. Learned together with the pairs."""
