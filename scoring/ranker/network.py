"""The network: features to worth, through residual layers of graph convolution."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch_geometric.nn import GCNConv

from scoring.ranker.propagation import Propagation


@dataclass(frozen=True)
class NetworkShape:
    """Sizes of the network."""

    inputs: int
    hidden: int = 64
    layers: int = 2
    dropout: float = 0.3


_FULL: Final = 256
_LEAST: Final = -(2**63)


class Dropout(nn.Module):
    """Zeroes a random part of what it is given while training, in 256ths, and makes up for it by what is left.

    A random byte decides for each number, eight at a draw: on a CPU, torch's own draws one number at a time, takes five times as
    long, and was a third of a training.

    Args:
        part: of the numbers, below 1.
    """

    def __init__(self, part: float) -> None:
        super().__init__()
        self._below = round(part * _FULL)

    def forward(self, state: Tensor) -> Tensor:
        """Return what is left."""
        if not self.training or not self._below:
            return state
        drawn = torch.empty(-(-state.numel() // 8), dtype=torch.int64, device=state.device).random_(_LEAST, None)
        kept = drawn.view(torch.uint8)[: state.numel()].view_as(state) >= self._below
        return state * kept * (_FULL / (_FULL - self._below))


class _Spread(torch.autograd.Function):
    """`A x`; its gradient is `A' g`, with the transpose at hand, which torch would make anew at every step."""

    @staticmethod
    def forward(ctx: Any, state: Tensor, propagation: Propagation) -> Tensor:
        ctx.transpose = propagation.transpose
        return propagation.matrix @ state

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.transpose @ gradients[0], None


class GraphConvolution(GCNConv):
    """`A (h W) + b` (Kipf and Welling 2017) along a given propagation A.

    Args:
        size: of h, per clip.

    Shapes:
        h [n, size], A [n, n] sparse -> [n, size].
    """

    def __init__(self, size: int) -> None:
        super().__init__(size, size, normalize=False, add_self_loops=False)

    def forward(self, state: Tensor, propagation: Propagation) -> Tensor:
        """Return what each clip and its neighbours say."""
        result: Tensor = _Spread.apply(self.lin(state), propagation) + self.bias
        return result


class ResidualGraphLayer(nn.Module):
    """`h + dropout(relu(A norm(h) W + b))`: graph convolution round which h can pass unchanged.

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
        self.convolve = GraphConvolution(size)
        self.dropout = Dropout(dropout)

    def forward(self, state: Tensor, propagation: Propagation) -> Tensor:
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
        self.encode = nn.Sequential(nn.Linear(shape.inputs, shape.hidden), nn.ReLU(), Dropout(shape.dropout))
        self.layers = nn.ModuleList(ResidualGraphLayer(shape.hidden, shape.dropout) for _ in range(shape.layers))
        self.normalise = nn.LayerNorm(shape.hidden)
        # Only differences of worth are seen, so an offset would be free.
        self.head = nn.Linear(shape.hidden, 1, bias=False)

    def embed(self, inputs: Tensor, propagation: Propagation) -> Tensor:
        """Return what the head sees of each clip."""
        state = self.encode(inputs)
        for layer in self.layers:
            state = layer(state, propagation)
        embedding: Tensor = self.normalise(state)
        return embedding

    def forward(self, inputs: Tensor, propagation: Propagation) -> Tensor:
        """Return the worth of each clip."""
        worth: Tensor = self.head(self.embed(inputs, propagation))
        return worth[:, 0]

    def head_weights(self) -> NDArray[np.float32]:
        """Return the head's weights, [hidden]."""
        weights: NDArray[np.float32] = self.head.weight.detach().cpu().numpy()[0]
        return weights
