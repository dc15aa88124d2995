"""Random forests as a reference: what a method without a network reaches on the same sides, from equally many settings.

Each tree predicts all tags at once, or the score: a predictive clustering tree. Forests of these were the best of twelve methods
on Mulan's sets (Madjarov, Kocev, Gjorgjevikj and Dzeroski 2012, "An extensive experimental comparison of methods for multi-label
learning"). Splits lower the variance, which for tags of 0 and 1 is half of Gini's index.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoring.supervised.clips import Floats, LabelledClips
from scoring.supervised.outputs import Outputs
from scoring.supervised.quality import quality_of

_TREES: Final = 500
_SETTINGS: Final = ((1, "sqrt"), (5, "sqrt"), (1, 0.3), (5, 0.3))
"""Least number of clips in a leaf, and how many features a split may choose among."""


@dataclass(frozen=True)
class Forest:
    """A forest for the scores and one for the tags, where there are such labels."""

    scores: Any
    tags: Any
    parameters: float = float("nan")
    """Trees have no number that compares with a network's."""

    def outputs(self, features: Floats) -> Outputs:
        """Return what the forests say of clips with features [n, d]; how sure they are, they do not say."""
        mean = None if self.scores is None else self.scores.predict(features).astype(np.float32)
        tags = None if self.tags is None else self.tags.predict(features).reshape(len(features), -1).astype(np.float32)
        return Outputs(mean, None, tags)


def forest_of(clips: LabelledClips, seed: int) -> Forest:
    """Learn from clips. Of the settings, those hold that tell best the clips that a tree was not grown from."""
    scored, tagged = clips.take(clips.scored), clips.take(clips.tagged)
    return Forest(
        _grown(scored, scored.score, seed) if len(scored) else None,
        _grown(tagged, tagged.tags, seed) if len(tagged) else None,
    )


def _grown(clips: LabelledClips, labels: NDArray[np.float32], seed: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    forests = [
        RandomForestRegressor(
            _TREES, min_samples_leaf=leaf, max_features=features, oob_score=True, n_jobs=-1, random_state=seed
        ).fit(clips.features, labels)
        for leaf, features in _SETTINGS
    ]  # fmt: skip
    return max(forests, key=lambda forest: _quality_out_of_bag(forest, clips))


def _quality_out_of_bag(forest: Any, clips: LabelledClips) -> float:
    said = forest.oob_prediction_.astype(np.float32)
    return quality_of(Outputs(said, None, None) if said.ndim == 1 else Outputs(None, None, said), clips)
