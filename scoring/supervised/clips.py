"""Clips with what people said of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LabelledClips:
    """n clips, d features in groups, t tags. NaN is: not known."""

    features: Floats
    """[n, d]. A group of features that a clip lacks is NaN as a whole."""
    groups: dict[str, int]
    """Number of columns of each group of features (visual, audio, text, ...), in their order; d in all."""
    score: Floats
    """[n] mean of what annotators said, 0-10."""
    score_sd: Floats
    """[n] standard deviation of the annotators, where several differ."""
    tags: Floats
    """[n, t] 1 where the clip has the tag, 0 where not; a row of NaN where nobody said."""
    tag_names: tuple[str, ...]
    video: NDArray[np.int64]
    """[n] clips of one number are of one video, and stay on one side of every split."""

    def __len__(self) -> int:
        """Return n."""
        return len(self.features)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "LabelledClips":
        """Return some of the clips."""
        return LabelledClips(
            self.features[rows], self.groups, self.score[rows], self.score_sd[rows], self.tags[rows], self.tag_names,
            self.video[rows],
        )  # fmt: skip

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Which clips have a score, [n]."""
        return ~np.isnan(self.score)

    @property
    def tagged(self) -> NDArray[np.bool_]:
        """Which clips have tags, [n]."""
        if not self.tag_names:
            return np.zeros(len(self), np.bool_)
        return np.array(~np.isnan(self.tags).any(axis=1))

    def side(self, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Draw a share of the videos; return which clips are theirs, [n]."""
        videos = np.unique(self.video)
        chosen = rng.choice(videos, max(1, round(share * len(videos))), replace=False)
        return np.isin(self.video, chosen)
