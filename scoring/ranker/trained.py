"""A trained ranker: the worth of every clip of a library, and how sure of it the ranker is."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.features import FeatureScale
from scoring.ranker.dataset import Library
from scoring.ranker.inputs import inputs_of
from scoring.ranker.network import NetworkShape, RankerNetwork
from scoring.ranker.propagation import Propagation, propagation_of, to_torch


class ClipScores(NamedTuple):
    """Worth of n clips and its standard deviation, in standard deviations of the training library's worth about its mean."""

    mean: NDArray[np.float32]
    sd: NDArray[np.float32]


class WorthPosterior(NamedTuple):
    """What is known of the head: worth has mean `head . (e - centre)` and variance `(e - centre)' covariance (e - centre)`."""

    centre: NDArray[np.float32]
    """[hidden] mean embedding of the training library."""
    covariance: NDArray[np.float32]
    """[hidden, hidden]."""
    unit: NDArray[np.float32]
    """[1] standard deviation of worth in the training library."""


@dataclass(frozen=True)
class TrainedRanker:
    """A ranker, to score libraries with the same features with, the training library or a later one."""

    network: RankerNetwork
    shape: NetworkShape
    scale: FeatureScale
    posterior: WorthPosterior

    def score(self, library: Library) -> ClipScores:
        """Score all clips of a library.

        Raises:
            ValueError: its columns are not those that were learned.
        """
        centred = _embeddings_of(self.network, library, self.scale) - self.posterior.centre
        head = self.network.head_weights()
        variance = np.einsum("ij,ij->i", centred @ self.posterior.covariance, centred)
        unit = self.posterior.unit[0]
        sd = np.sqrt(np.maximum(variance, 0)) / unit
        return ClipScores((centred @ head / unit).astype(np.float32), sd.astype(np.float32))

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return everything that the ranker is, as named arrays that safetensors can keep."""
        sizes = np.array([self.shape.inputs, self.shape.hidden, self.shape.layers], np.int64)
        weights = {f"network.{name}": value.numpy() for name, value in self.network.state_dict().items()}
        scale = {f"scale.{name}": value for name, value in self.scale._asdict().items()}
        posterior = {f"posterior.{name}": value for name, value in self.posterior._asdict().items()}
        return {"sizes": sizes, "dropout": np.array([self.shape.dropout]), **weights, **scale, **posterior}

    @classmethod
    def of_tensors(cls, tensors: dict[str, NDArray[Any]]) -> Self:
        """Return the ranker of named arrays.

        Raises:
            KeyError: one is missing.
            RuntimeError: they do not fit each other.
        """
        inputs, hidden, layers = tensors["sizes"].tolist()
        shape = NetworkShape(inputs, hidden, layers, float(tensors["dropout"][0]))
        network = RankerNetwork(shape)
        prefix = "network."
        network.load_state_dict(
            {name.removeprefix(prefix): torch.from_numpy(value) for name, value in tensors.items() if name.startswith(prefix)}
        )
        scale = FeatureScale(*(tensors[f"scale.{name}"] for name in FeatureScale._fields))
        return cls(network, shape, scale, WorthPosterior(*(tensors[f"posterior.{name}"] for name in WorthPosterior._fields)))


def _embeddings_of(network: RankerNetwork, library: Library, scale: FeatureScale) -> NDArray[np.float32]:
    device = network.head.weight.device
    inputs = torch.from_numpy(inputs_of(library, scale)).to(device)
    return embeddings_of(network, inputs, to_torch(propagation_of(library.graph, library.clips), device))


@torch.no_grad()
def embeddings_of(network: RankerNetwork, inputs: Tensor, propagation: Propagation) -> NDArray[np.float32]:
    """Return what the head sees of every clip, [n, hidden]."""
    network.eval()
    embedding: NDArray[np.float32] = network.embed(inputs, propagation).cpu().numpy()
    return embedding
