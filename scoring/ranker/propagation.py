"""Along which edges a layer looks: the whole graph, or a sample of the neighbourhood of a few clips.

A row of the propagation is half the clip itself and half the mean of its neighbours; a clip without neighbours is all itself.
"""

import warnings
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from torch import Tensor

_OWN_SHARE: Final = np.float32(0.5)


class Neighbourhood(NamedTuple):
    """A part of the graph around some clips."""

    rows: NDArray[np.int64]
    """Clips of the part: those that were asked for, first, then those in reach."""
    propagation: csr_array
    """[rows, rows]."""


class Propagation(NamedTuple):
    """A propagation as torch's [n, n], and its transpose, which gradients go along."""

    matrix: Tensor
    transpose: Tensor


def propagation_of(graph: csr_array | None, clips: int) -> csr_array:
    """Return the propagation of a graph with rows that sum to 1 or are empty; of no graph, the identity."""
    if graph is None:
        return csr_array(diags_array(np.ones(clips, np.float32)))
    linked = np.diff(graph.indptr) > 0
    own = np.where(linked, _OWN_SHARE, np.float32(1.0)).astype(np.float32)
    return csr_array(graph * (1 - _OWN_SHARE) + diags_array(own))


def sample_neighbourhood(
    propagation: csr_array, clips: NDArray[np.int64], layers: int, fanout: int, rng: np.random.Generator
) -> Neighbourhood:
    """Return a random part of the graph that `layers` layers see from some clips.

    Each clip in reach keeps at most `fanout` of its edges, drawn anew with probability in proportion to their weight, so
    that the mean over the drawn is an unbiased estimate of the mean over all (Hamilton et al. 2017, "Inductive
    representation learning on large graphs").

    Args:
        propagation: [n, n], rows sum to 1.
        clips: rows that are asked for, each once.
        layers: how far the sample reaches.
        fanout: edges per clip and layer, with replacement.
        rng: draws them.
    """
    reached, frontier = clips, clips
    edges: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    cumulative = np.cumsum(propagation.data, dtype=np.float64)
    for _ in range(layers):
        drawn = _draw(propagation, cumulative, frontier, fanout, rng)
        edges.append((np.repeat(frontier, fanout), drawn))
        frontier = np.setdiff1d(drawn, reached)
        reached = np.concatenate([reached, frontier])
    # The outermost clips are asked by nobody for more than what they are.
    ends = [*edges, (frontier, frontier)]
    place = np.empty(propagation.shape[0], np.int64)
    place[reached] = np.arange(len(reached))
    target, source = (place[np.concatenate(part)] for part in zip(*ends, strict=True))
    weights = [*(np.full(len(one), 1 / fanout, np.float32) for one, _ in edges), np.ones(len(frontier), np.float32)]
    return Neighbourhood(reached, csr_array((np.concatenate(weights), (target, source)), shape=(len(reached), len(reached))))


def _draw(
    propagation: csr_array, cumulative: NDArray[np.float64], rows: NDArray[np.int64], fanout: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    start, stop = propagation.indptr[rows], propagation.indptr[rows + 1]
    before, upto = np.where(start > 0, cumulative[start - 1], 0.0), cumulative[stop - 1]
    points = before[:, None] + rng.random((len(rows), fanout)) * (upto - before)[:, None]
    edge = np.clip(np.searchsorted(cumulative, points, side="right"), start[:, None], stop[:, None] - 1)
    drawn: NDArray[np.int64] = propagation.indices[edge.ravel()].astype(np.int64)
    return drawn


def to_torch(matrix: csr_array, device: torch.device) -> Propagation:
    """Return a propagation as torch's."""
    return Propagation(_sparse(matrix, device), _sparse(csr_array(matrix.T), device))


def _sparse(matrix: csr_array, device: torch.device) -> Tensor:
    starts, columns, values = (torch.from_numpy(part) for part in (matrix.indptr, matrix.indices, matrix.data))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(starts, columns, values, matrix.shape, check_invariants=False).to(device)
