"""VGGish: what a network hears that was trained to tell the sounds of 70 million videos apart.

Hershey and others 2017, "CNN architectures for large-scale audio classification". Names and shapes are those of the public
conversion to torch, `vggish-10086976.pth`. Neither that network's whitening nor its rounding to bytes is done: training
standardises features anyway.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scoring.extraction.clip import Clip
from scoring.extraction.log_mel import BANDS, log_mel

_SPECTRA: Final = 96
"""In one look of the network: 0.96 s."""
_EMBEDDING: Final = 128


class VggishNetwork(nn.Module):
    """Log-mel spectra [n, 1, 96, 64] -> embeddings [n, 128]."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(128, 256, 3, padding=1), nn.ReLU(), nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(256, 512, 3, padding=1), nn.ReLU(), nn.Conv2d(512, 512, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.embeddings = nn.Sequential(
            nn.Linear(512 * 6 * 4, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, _EMBEDDING), nn.ReLU()
        )

    def forward(self, spectra: Tensor) -> Tensor:
        """Return the embeddings. The published weights expect the channels last where the layers meet."""
        embeddings: Tensor = self.embeddings(self.features(spectra).permute(0, 2, 3, 1).flatten(1))
        return embeddings


class Vggish:
    """The mean of the embeddings of a clip's sound."""

    name = "audio"
    dimensions = _EMBEDDING

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """Take the published weights.

        Raises:
            RuntimeError: they are not of this network.
        """
        self._network = VggishNetwork().eval()
        self._network.load_state_dict(weights)

    def features(self, clip: Clip) -> NDArray[np.float32] | None:
        """Return the mean over all looks of 0.96 s; None where there is no sound, or less of it."""
        spectra = log_mel(clip.sound) if clip.sound is not None else np.empty((0, BANDS), np.float32)
        looks = len(spectra) // _SPECTRA
        if not looks:
            return None
        with torch.inference_mode():
            inputs = torch.from_numpy(spectra[: looks * _SPECTRA]).reshape(looks, 1, _SPECTRA, BANDS)
            mean: NDArray[np.float32] = self._network(inputs).mean(dim=0).numpy()
        return mean
