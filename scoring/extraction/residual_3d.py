"""A 3D residual network of 18 layers: what a network sees that was trained to tell 400 kinds of actions apart (Kinetics).

Tran and others 2018, "A closer look at spatiotemporal convolutions for action recognition" (R3D). Names and shapes are those
of torchvision's `r3d_18`, whose published weights are `r3d_18-b3b3357e.pth`, and pictures are prepared as it prepares them: with
the same weights, both give the same embeddings to the bit. It stands here because fifty lines cost less than two packages more.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scoring.extraction.clip import Clip

HEIGHT: Final = 112
WIDTH: Final = 112
_SNIPPET: Final = 16
"""Pictures in one look of the network: about a second."""
_SNIPPETS: Final = 3
_EMBEDDING: Final = 512
_MEAN: Final = (0.43216, 0.394666, 0.37645)
_SD: Final = (0.22803, 0.22145, 0.216989)


def _convolution(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(channels, out, 3, stride, padding=1, bias=False), nn.BatchNorm3d(out))


class _Block(nn.Module):
    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(channels, out, stride).append(nn.ReLU())
        self.conv2 = _convolution(out, out)
        shortcut = nn.Sequential(nn.Conv3d(channels, out, 1, stride, bias=False), nn.BatchNorm3d(out))
        self.downsample = shortcut if stride > 1 else nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.relu(self.conv2(self.conv1(inputs)) + self.downsample(inputs))


def _layer(channels: int, out: int, stride: int = 2) -> nn.Sequential:
    return nn.Sequential(_Block(channels, out, stride), _Block(out, out, 1))


class Residual3DNetwork(nn.Module):
    """Prepared pictures [n, 3, 16, 112, 112] -> embeddings [n, 512], which the classes are told from."""

    def __init__(self) -> None:
        super().__init__()
        stem = nn.Conv3d(3, 64, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm3d(64), nn.ReLU())
        self.layer1 = _layer(64, 64, stride=1)
        self.layer2 = _layer(64, 128)
        self.layer3 = _layer(128, 256)
        self.layer4 = _layer(256, _EMBEDDING)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the embeddings."""
        seen: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(pictures)))))
        return seen.mean(dim=(2, 3, 4))


class Residual3D:
    """The mean of the embeddings of three snippets of a clip."""

    name = "visual"
    dimensions = _EMBEDDING

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """Take the published weights; those of the classes are not needed.

        Raises:
            RuntimeError: they are not of this network.
        """
        self._network = Residual3DNetwork().eval()
        self._network.load_state_dict({name: value for name, value in weights.items() if not name.startswith("fc.")})

    def features(self, clip: Clip) -> NDArray[np.float32] | None:
        """Return the mean over the snippets; None where there are no pictures."""
        if clip.pictures is None:
            return None
        with torch.inference_mode():
            mean: NDArray[np.float32] = self._network(prepared(clip.pictures)).mean(dim=0).numpy()
        return mean


def prepared(pictures: NDArray[np.uint8]) -> Tensor:
    """Return snippets as the network expects them, [1 to 3, 3, 16, 112, 112], evenly over the clip.

    Args:
        pictures: [p, 112, 112, 3], at least one; of fewer than 16 the last is repeated.
    """
    count = max(1, min(_SNIPPETS, len(pictures) // _SNIPPET))
    each = len(pictures) / count
    starts = np.maximum(0, (np.arange(count) * each + (each - _SNIPPET) / 2).astype(np.int64))
    places = np.minimum(starts[:, None] + np.arange(_SNIPPET), len(pictures) - 1)
    scaled = torch.from_numpy(pictures[places]).permute(0, 4, 1, 2, 3) / 255
    mean, sd = (torch.tensor(values)[:, None, None, None] for values in (_MEAN, _SD))
    return (scaled - mean) / sd
