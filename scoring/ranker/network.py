"""The network: features to worth, through residual layers of graph convolution."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch_geometric.nn import GCNConv


@dataclass(frozen=True)
class NetworkShape:
    """Sizes of the network."""

    inputs: int
    hidden: int = 64
    layers: int = 2
    dropout: float = 0.3


class ResidualGraphLayer(nn.Module):
    """`h + dropout(relu(A norm(h) W + b))`: graph convolution (Kipf and Welling 2017) round which h can pass unchanged.

    What passes unchanged keeps deep networks from smoothing all clips into one (Chen et al. 2020, "Simple and deep graph
    convolutional networks"), and lets a clip without neighbours be its own.

    Args:
        size: of h, per clip.
        dropout: share of the layer's outputs that training drops.

    Shapes:
        h [n, size], A [n, n] sparse -> [n, size].
    """

    def __init__(self, size: int, dropout: float) -> None:
        super().__init__()
        self.normalise = nn.LayerNorm(size)
        self.convolve = GCNConv(size, size, normalize=False, add_self_loops=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, state: Tensor, propagation: Tensor) -> Tensor:
        """Return the next state of each clip."""
        change = torch.relu(self.convolve(self.normalise(state), propagation))
        result: Tensor = state + self.dropout(change)
        return result


class RankerNetwork(nn.Module):
    """Encoder of the inputs, residual graph layers, one linear head. With the identity for a graph it is a plain network.

    Shapes:
        inputs [n, inputs], propagation [n, n] sparse -> embedding [n, hidden]; worth = head(embedding) [n].
    """

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(shape.inputs, shape.hidden), nn.ReLU(), nn.Dropout(shape.dropout))
        self.layers = nn.ModuleList(ResidualGraphLayer(shape.hidden, shape.dropout) for _ in range(shape.layers))
        self.normalise = nn.LayerNorm(shape.hidden)
        # Only differences of worth are seen, so an offset would be free.
        self.head = nn.Linear(shape.hidden, 1, bias=False)

    def embed(self, inputs: Tensor, propagation: Tensor) -> Tensor:
        """Return what the head sees of each clip."""
        state = self.encode(inputs)
        for layer in self.layers:
            state = layer(state, propagation)
        embedding: Tensor = self.normalise(state)
        return embedding

    def forward(self, inputs: Tensor, propagation: Tensor) -> Tensor:
        """Return the worth of each clip."""
        worth: Tensor = self.head(self.embed(inputs, propagation))
        return worth[:, 0]

    def head_weights(self) -> NDArray[np.float32]:
        """Return the head's weights, [hidden]."""
        weights: NDArray[np.float32] = self.head.weight.detach().cpu().numpy()[0]
        return weights
