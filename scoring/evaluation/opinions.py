"""What many viewers think of clips: the truth that a ranker which saw a few viewers is judged by."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ViewerOpinions:
    """m opinions of viewers on n clips."""

    name: str
    """Of the data, for the report."""
    viewer: NDArray[np.int64]
    """[m] from 0."""
    clip: NDArray[np.int64]
    """[m] row of the clip; a viewer has one opinion on a clip."""
    opinion: Floats
    """[m] on any scale, higher is better."""
    features: NDArray[np.float32]
    """[n, d], NaN where not known."""
    ranked_with: NDArray[np.int64]
    """[n] from 0: clips of the same number are ranked against each other."""
    chosen: bool
    """Viewers chose what to watch, so that watching the same says that clips are alike; else all watched all."""

    @property
    def clips(self) -> int:
        """How many clips there are."""
        return len(self.features)

    @property
    def viewers(self) -> int:
        """How many viewers there are."""
        return int(self.viewer.max()) + 1

    def by_viewers(self, viewers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which opinions are theirs, [m]."""
        chosen = np.zeros(self.viewers, np.bool_)
        chosen[viewers] = True
        theirs: NDArray[np.bool_] = chosen[self.viewer]
        return theirs

    def only(self, viewers: NDArray[np.int64]) -> "ViewerOpinions":
        """Return the opinions of some viewers, numbered anew; clips stay, those without an opinion, too."""
        theirs = self.by_viewers(viewers)
        viewer = np.unique(self.viewer[theirs], return_inverse=True)[1]
        return replace(self, viewer=viewer, clip=self.clip[theirs], opinion=self.opinion[theirs])

    def above_own_mean(self) -> Floats:
        """Return every opinion less the viewer's mean over the clips that are ranked together, [m]."""
        lists = int(self.ranked_with.max()) + 1
        sitting = self.viewer * lists + self.ranked_with[self.clip]
        _, place = np.unique(sitting, return_inverse=True)
        above: Floats = self.opinion - (np.bincount(place, self.opinion) / np.bincount(place))[place]
        return above

    def per_clip(self, of: NDArray[np.bool_], values: Floats | None = None) -> Floats:
        """Return per clip the number of some opinions, or the sum of their values, [n]."""
        totals: Floats = np.bincount(self.clip[of], None if values is None else values[of], self.clips).astype(np.float64)
        return totals
