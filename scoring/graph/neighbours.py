"""Clips that are near each other in features: cosine similarity, exact for small libraries, by an inverted file for large."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

_EXACT_UP_TO: Final = 20_000
_CLIPS_PER_CELL: Final = 250
_CELLS_SEARCHED: Final = 8
_TRAINED_ON_PER_CELL: Final = 50


def feature_similarity(features: NDArray[np.float32], neighbours: int, seed: int) -> csr_array:
    """Return each clip's nearest clips, [n, n]: cosine similarity where above 0; not symmetric.

    From 20,001 clips on the search is approximate: it looks into the 8 cells nearest to a clip, of about 250 clips each
    (inverted file: Jegou, Douze, Schmid 2011, "Product quantization for nearest neighbor search").

    Args:
        features: [n, d]; a row of zeros is a clip without features, which is near nothing.
        neighbours: of each clip.
        seed: of the cells' centres.
    """
    import faiss

    known = np.flatnonzero(features.any(axis=1))
    size = len(features)
    if len(known) < 2:
        return csr_array((size, size), dtype=np.float32)
    unit = np.ascontiguousarray(features[known], np.float32)
    faiss.normalize_L2(unit)
    index = _index(unit, seed)
    similarity, place = index.search(unit, min(neighbours + 1, len(known)))
    row = np.repeat(np.arange(len(known)), place.shape[1])
    near = (place.ravel() >= 0) & (place.ravel() != row) & (similarity.ravel() > 0)
    ends = known[row[near]], known[place.ravel()[near]]
    return csr_array((similarity.ravel()[near], ends), shape=(size, size))


def _index(unit: NDArray[np.float32], seed: int) -> Any:
    import faiss

    index: Any
    if len(unit) <= _EXACT_UP_TO:
        index = faiss.IndexFlatIP(unit.shape[1])
    else:
        cells = len(unit) // _CLIPS_PER_CELL
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(unit.shape[1]), unit.shape[1], cells, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed, index.cp.max_points_per_centroid, index.nprobe = seed, _TRAINED_ON_PER_CELL, _CELLS_SEARCHED
        index.train(unit)
    index.add(unit)
    return index
