"""What one step of training sees: some pairs, some labelled clips, and the part of the library round them."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from scoring.features import FeatureScale
from scoring.ranker.dataset import Library, RankedPairs
from scoring.ranker.inputs import inputs_of
from scoring.ranker.propagation import propagation_of, sample_neighbourhood, to_torch


class View(NamedTuple):
    """A part of the library, ready for the network; `place[row]` is where a clip of the library stands in it."""

    inputs: Tensor
    propagation: Tensor
    place: NDArray[np.int64]


class Views:
    """Makes views: the whole library where that is small, else a sampled neighbourhood of the clips that are asked for."""

    def __init__(self, library: Library, scale: FeatureScale, whole_up_to: int, device: torch.device) -> None:
        self._inputs = torch.from_numpy(inputs_of(library, scale))
        self._propagation = propagation_of(library.graph, library.clips)
        self._device = device
        self._whole = self._view(np.arange(library.clips), self._propagation) if library.clips <= whole_up_to else None

    def around(self, clips: NDArray[np.int64], layers: int, fanout: int, rng: np.random.Generator) -> View:
        """Return a view that holds the clips."""
        if self._whole is not None:
            return self._whole
        part = sample_neighbourhood(self._propagation, np.unique(clips), layers, fanout, rng)
        return self._view(part.rows, part.propagation)

    def _view(self, rows: NDArray[np.int64], propagation: csr_array) -> View:
        place = np.zeros(len(self._inputs), np.int64)
        place[rows] = np.arange(len(rows))
        return View(self._inputs[torch.from_numpy(rows)].to(self._device), to_torch(propagation, self._device), place)


def draw_pairs(pairs: RankedPairs, count: int, rng: np.random.Generator) -> RankedPairs:
    """Return all pairs, or `count` of them where there are more, drawn with replacement."""
    return pairs if len(pairs.preferred) <= count else pairs.take(rng.integers(0, len(pairs.preferred), count))
