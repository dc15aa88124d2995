"""What extractors are given of a clip, and what an extractor is."""

from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

PICTURES_A_SECOND: Final = 15
"""What 3D networks of Kinetics were trained at."""
SAMPLES_A_SECOND: Final = 16_000


class Clip(NamedTuple):
    """A clip, decoded. What is None is not known: the video has none."""

    pictures: NDArray[np.uint8] | None
    """[p, height, width, 3] red, green, blue, PICTURES_A_SECOND of them."""
    sound: NDArray[np.float32] | None
    """[s] one channel from -1 to 1, SAMPLES_A_SECOND of it."""
    words: str | None
    """Of the subtitles; empty where they say nothing."""


class Extractor(Protocol):
    """Makes one group of features of a clip."""

    @property
    def name(self) -> str:
        """Of the group: its column in files of features."""
        ...

    @property
    def dimensions(self) -> int:
        """Numbers a clip."""
        ...

    def features(self, clip: Clip) -> NDArray[np.float32] | None:
        """Return [dimensions] numbers; None where the clip lacks what they are made of."""
        ...
