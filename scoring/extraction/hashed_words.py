"""Words as features without a vocabulary: each is counted in a place that its hash gives, with a sign.

Weinberger and others 2009, "Feature hashing for large scale multitask learning". Needs no weights.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer

from scoring.extraction.clip import Clip

_PLACES: Final = 256


class HashedWords:
    """A bag of the words that subtitles have in the clip, of length 1; zeros where they have none."""

    name = "text"
    dimensions = _PLACES

    def __init__(self) -> None:
        """Words of any length count, in lower case."""
        self._hash = HashingVectorizer(n_features=_PLACES, token_pattern=r"\b\w+\b", dtype=np.float32)

    def features(self, clip: Clip) -> NDArray[np.float32] | None:
        """Return the bag; None for a video without subtitles."""
        if clip.words is None:
            return None
        bag: NDArray[np.float32] = self._hash.transform([clip.words]).toarray()[0]
        return bag
