"""Labelled clips as a second task: worth, on a line of its own, is also to give what annotators said."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class LabelLoss(nn.Module):
    """Mean squared error of `slope * worth + offset` against standardised labels; the slope is above 0.

    Args:
        labels: [n], NaN where a clip has none; they tell clips apart.
    """

    def __init__(self, labels: NDArray[np.float32]) -> None:
        super().__init__()
        known = labels[~np.isnan(labels)]
        self._rows = np.flatnonzero(~np.isnan(labels))
        self._targets = torch.from_numpy(((labels - known.mean()) / known.std()).astype(np.float32))
        self.log_slope = nn.Parameter(torch.zeros(()))
        self.offset = nn.Parameter(torch.zeros(()))

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return labelled rows: all, or `count` of them, drawn with replacement, where there are more."""
        return self._rows if len(self._rows) <= count else rng.choice(self._rows, count)

    def forward(self, worth: Tensor, rows: NDArray[np.int64]) -> Tensor:
        """Return the loss of the worth [k] of k labelled rows."""
        targets = self._targets[torch.from_numpy(rows)].to(worth.device)
        return nn.functional.mse_loss(torch.exp(self.log_slope) * worth + self.offset, targets)
