"""The network: one extractor of features, a head for the score, a head for tags."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scoring.features import FeatureScale, standardised


class ScoreHead(StrEnum):
    """How the score is modelled, each with its loss."""

    DISTRIBUTION = "label distribution"
    """A Gaussian over bins: divergence and expectation (DLDL-v2)."""
    CLASSES = "cross-entropy over bins"
    REGRESSION = "regression"
    """One number; squared error."""


class TagHead(StrEnum):
    """How tags are modelled, each with its loss."""

    CORRELATED = "C2AE + BCE"
    """The mean of two logits: of the features themselves, and of their code in the tags' latent space."""
    INDEPENDENT = "BCE"


@dataclass(frozen=True)
class SupervisedShape:
    """Sizes of the network, and its heads; a head that is None is not there."""

    groups: tuple[int, ...]
    """Columns of each group of features."""
    tags: int
    score_head: ScoreHead | None
    tag_head: TagHead | None
    hidden: int = 128
    latent: int = 32
    bins: int = 41
    dropout: float = 0.3


class SupervisedNetwork(nn.Module):
    """Extractor, and the heads on it.

    Shapes:
        inputs [n, columns + groups] -> embedding [n, hidden] -> score logits [n, bins] or [n, 1]; tag logits [n, tags].
    """

    def __init__(self, shape: SupervisedShape) -> None:
        super().__init__()
        self.extract = nn.Sequential(
            nn.Dropout(shape.dropout / 2), nn.Linear(sum(shape.groups) + len(shape.groups), shape.hidden), nn.ReLU(),
            nn.Dropout(shape.dropout), nn.Linear(shape.hidden, shape.hidden), nn.ReLU(), nn.Dropout(shape.dropout),
        )  # fmt: skip
        if shape.score_head:
            self.score = nn.Linear(shape.hidden, 1 if shape.score_head is ScoreHead.REGRESSION else shape.bins)
        if shape.tag_head:
            self.tags = nn.Linear(shape.hidden, shape.tags)
        if shape.tag_head is TagHead.CORRELATED:
            self.encode_features = nn.Linear(shape.hidden, shape.latent)
            self.encode_tags = nn.Sequential(
                nn.Linear(shape.tags, shape.hidden), nn.ReLU(), nn.Linear(shape.hidden, shape.latent)
            )
            self.decode = nn.Linear(shape.latent, shape.tags)
        self.correlated = shape.tag_head is TagHead.CORRELATED

    def tag_logits(self, embedding: Tensor) -> Tensor:
        """Return what an embedding says of the tags."""
        direct: Tensor = self.tags(embedding)
        return (direct + self.decode(self.encode_features(embedding))) / 2 if self.correlated else direct


def inputs_of(features: NDArray[np.float32], groups: tuple[int, ...], scale: FeatureScale) -> Tensor:
    """Return the network's inputs: standardised features, 0 where not known, and a column per group that says it is there.

    Raises:
        ValueError: the number of columns is not the scale's.
    """
    ends = np.cumsum(groups)
    there = [~np.isnan(features[:, end - width : end]).all(axis=1) for width, end in zip(groups, ends, strict=True)]
    return torch.from_numpy(np.column_stack([standardised(features, scale), *there]).astype(np.float32))
