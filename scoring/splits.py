"""Training, validation and test by video: the clips of one video, and their pairs, are never on two sides."""

from collections.abc import Sequence
from enum import IntEnum
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

_TENTHS_OF_TRAINING: Final = 8


class Split(IntEnum):
    """Side of a video: eight tenths, one and one."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2


def split_of(video_ids: Sequence[str]) -> NDArray[np.uint8]:
    """Return the side of each of n videos, [n]; it hangs on the id alone, so that it is the same in every run and release."""
    tenths = (int.from_bytes(blake2b(video_id.encode(), digest_size=8).digest()) % 10 for video_id in video_ids)
    return np.fromiter((max(0, tenth + 1 - _TENTHS_OF_TRAINING) for tenth in tenths), np.uint8, len(video_ids))


def folds_of(video: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each of n clips, [n]: as many videos in each as can be, shuffled by a seed."""
    videos, member = np.unique(video, return_inverse=True)
    return (np.random.default_rng(seed).permutation(len(videos)) % folds)[member]
