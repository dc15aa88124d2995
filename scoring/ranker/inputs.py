"""What the network sees of a clip: its features, standardised, its place in the graph, and what is not known of it."""

import numpy as np
from numpy.typing import NDArray

from scoring.features import FeatureScale, scale_of, standardised
from scoring.ranker.dataset import Library


def scale_of_library(library: Library) -> FeatureScale:
    """Return the scale of a library's features and places, [d + k]."""
    return scale_of(_columns(library))


def inputs_of(library: Library, scale: FeatureScale) -> NDArray[np.float32]:
    """Return the network's inputs, [n, d + k + 1]: standardised columns, 0 where not known, and the share that is not known.

    Raises:
        ValueError: the library has another number of columns than the scale.
    """
    columns = _columns(library)
    unknown = np.isnan(columns).sum(axis=1, keepdims=True) / max(columns.shape[1], 1)
    return np.hstack([standardised(columns, scale), unknown]).astype(np.float32)


def _columns(library: Library) -> NDArray[np.float32]:
    parts = [library.features] if library.structure is None else [library.features, library.structure]
    return np.hstack(parts)
