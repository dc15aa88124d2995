"""Features of clips as what networks see: standardised, with a gap where something is not known."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class FeatureScale(NamedTuple):
    """Mean and standard deviation of every column in the training library, [d]."""

    mean: NDArray[np.float32]
    sd: NDArray[np.float32]


def scale_of(columns: NDArray[np.float32]) -> FeatureScale:
    """Return the scale of columns [n, d], NaN where not known; one that is constant or never known has the scale 1."""
    known = ~np.isnan(columns)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.nansum(columns, axis=0, dtype=np.float64) / count
    variance = np.nansum((columns - mean) ** 2, axis=0, dtype=np.float64) / count
    return FeatureScale(mean.astype(np.float32), np.where(variance > 0, np.sqrt(variance), 1.0).astype(np.float32))


def standardised(columns: NDArray[np.float32], scale: FeatureScale) -> NDArray[np.float32]:
    """Return the columns [n, d] in standard deviations about the mean, 0 where not known.

    Raises:
        ValueError: their number is not the scale's.
    """
    if columns.shape[1] != len(scale.mean):
        message = f"there are {columns.shape[1]} columns of features, {len(scale.mean)} were learned"
        raise ValueError(message)
    return np.where(np.isnan(columns), 0, (columns - scale.mean) / scale.sd).astype(np.float32)
