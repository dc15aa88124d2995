"""What one step of training sees: some pairs, some labelled clips, and the part of the library round them."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.features import FeatureScale
from scoring.ranker.dataset import Library, RankedPairs
from scoring.ranker.inputs import inputs_of
from scoring.ranker.propagation import Propagation, propagation_of, sample_neighbourhood, to_torch


class View(NamedTuple):
    """A part of the library, ready for the network; `place[row]` is where a clip of the library stands in it."""

    inputs: Tensor
    propagation: Propagation
    place: NDArray[np.int64]


class Views:
    """Makes views: the whole library where that is small, else a sampled neighbourhood of the clips that are asked for."""

    def __init__(self, library: Library, scale: FeatureScale, whole_up_to: int, device: torch.device) -> None:
        self._inputs = torch.from_numpy(inputs_of(library, scale))
        self._propagation = propagation_of(library.graph, library.clips)
        self._device, self._sampled = device, library.clips > whole_up_to
        self.whole = View(self._inputs.to(device), to_torch(self._propagation, device), np.arange(library.clips))

    def around(self, clips: NDArray[np.int64], layers: int, fanout: int, rng: np.random.Generator) -> View:
        """Return a view that holds the clips."""
        if not self._sampled:
            return self.whole
        part = sample_neighbourhood(self._propagation, np.unique(clips), layers, fanout, rng)
        place = np.zeros(len(self._inputs), np.int64)
        place[part.rows] = np.arange(len(part.rows))
        inputs = self._inputs[torch.from_numpy(part.rows)]
        return View(inputs.to(self._device), to_torch(part.propagation, self._device), place)


def draw_pairs(pairs: RankedPairs, count: int, rng: np.random.Generator) -> RankedPairs:
    """Return all pairs, or `count` of them where there are more, drawn with replacement."""
    return pairs if len(pairs.preferred) <= count else pairs.take(rng.integers(0, len(pairs.preferred), count))
