"""What a network says of clips."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.limits import MAX_SCORE
from scoring.supervised.label_distribution import expectation, score_bins, spread
from scoring.supervised.network import ScoreHead, SupervisedNetwork, SupervisedShape

_ROWS = 65_536


class Outputs(NamedTuple):
    """Of n clips; None where the network has no such head."""

    mean: NDArray[np.float32] | None
    """[n] of the score, 0-10."""
    sd: NDArray[np.float32] | None
    """[n] as the network has it, before `Reliability`; regression knows none, and says 1 everywhere."""
    tags: NDArray[np.float32] | None
    """[n, t] probabilities."""


@torch.no_grad()
def outputs_of(network: SupervisedNetwork, shape: SupervisedShape, inputs: Tensor) -> Outputs:
    """Return what the network says of inputs [n, columns]."""
    network.eval()
    parts = [_outputs(network, shape, rows) for rows in torch.split(inputs, _ROWS)]
    return Outputs(*(None if values[0] is None else np.concatenate(values) for values in zip(*parts, strict=True)))


def _outputs(network: SupervisedNetwork, shape: SupervisedShape, inputs: Tensor) -> Outputs:
    embedding = network.extract(inputs)
    mean = sd = tags = None
    if shape.score_head:
        mean, sd = _score(shape.score_head, network.score(embedding))
    if shape.tag_head:
        tags = torch.sigmoid(network.tag_logits(embedding)).numpy()
    return Outputs(mean, sd, tags)


def _score(head: ScoreHead, out: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if head is ScoreHead.REGRESSION:
        return out[:, 0].clamp(0.0, MAX_SCORE).numpy(), np.ones(len(out), np.float32)
    bins = score_bins(out.shape[1])
    return expectation(out, bins).numpy(), spread(out, bins).numpy()
