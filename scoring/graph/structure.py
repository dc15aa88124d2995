"""Where a clip lies in the graph, as a few numbers: what many clips' likenesses have in common."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from sklearn.utils.extmath import randomized_svd


def graph_structure(graph: csr_array, dimensions: int, seed: int) -> NDArray[np.float32]:
    """Return the clips' places along the graph's leading eigenvectors, [n, dimensions]; NaN for a clip without neighbours.

    Eigenvectors of the symmetric `D^-1/2 A D^-1/2`, scaled by their eigenvalues' roots, found by a randomised decomposition
    (Halko, Martinsson, Tropp 2011) and used as positions the way Dwivedi et al. 2020 do ("Benchmarking graph neural networks").

    Args:
        graph: [n, n] with weights above 0.
        dimensions: at most n.
        seed: of the decomposition.
    """
    both = csr_array(graph + graph.T)
    degree = np.asarray(both.sum(axis=1), np.float64)
    scale = diags_array(np.divide(1, np.sqrt(degree), where=degree > 0, out=np.zeros_like(degree)).astype(np.float32))
    places: NDArray[np.float32]
    vectors, values, _ = randomized_svd(csr_array(scale @ both @ scale), dimensions, random_state=seed, n_iter=4)
    places = (vectors * np.sqrt(values * len(degree))).astype(np.float32)
    places[degree == 0] = np.nan
    return places
