"""One graph of several kinds of likeness, with a bounded number of neighbours per clip."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array, diags_array


def combine(kinds: Sequence[tuple[csr_array, float]], neighbours: int) -> csr_array:
    """Return the weighted sum of graphs, in which each row's strongest neighbours are kept and each row sums to 1.

    Each kind's rows are brought to a sum of 1 before they are weighed, so that no kind wins by its unit. A clip that one
    kind knows nothing of has its neighbours by the others; a clip that none knows has an empty row.

    Args:
        kinds: (graph [n, n] with weights above 0, weight of the kind), at least one.
        neighbours: at most, per clip.
    """
    total, *rest = (rows_to_one(graph) * np.float32(weight) for graph, weight in kinds)
    for graph in rest:
        total = total + graph
    return rows_to_one(strongest(csr_array(total), neighbours))


def rows_to_one(graph: csr_array) -> csr_array:
    """Return the graph with every row that has neighbours summing to 1: a step of a walk over clips."""
    sums = np.asarray(graph.sum(axis=1), np.float64)
    return csr_array(diags_array(np.divide(1, sums, where=sums > 0, out=np.zeros_like(sums)).astype(np.float32)) @ graph)


def strongest(graph: csr_array, neighbours: int) -> csr_array:
    """Return the graph with each row's strongest neighbours only; of equals, those of the lowest row."""
    kept = [
        start + np.lexsort((graph.indices[start:end], -graph.data[start:end]))[:neighbours]
        for start, end in pairwise(graph.indptr.tolist())
    ]
    entries = np.concatenate([np.empty(0, np.int64), *kept])
    row = np.repeat(np.arange(graph.shape[0]), [len(each) for each in kept])
    return csr_array((graph.data[entries], (row, graph.indices[entries])), shape=graph.shape)
