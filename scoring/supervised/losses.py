"""The losses of both heads on labelled clips, and how two tasks share one extractor."""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss, one_hot

from scoring.supervised.clips import LabelledClips
from scoring.supervised.config import SupervisedConfig
from scoring.supervised.correlated_tags import correlation_loss
from scoring.supervised.label_distribution import distribution_loss, gaussian_targets, score_bins
from scoring.supervised.network import ScoreHead, SupervisedNetwork, SupervisedShape

_DEFAULT_SD: Final = 1.0
"""Of a label on 0-10 whose annotators are not known to differ."""


class ScoreLoss:
    """Loss of the score head on the scored ones of n clips."""

    def __init__(self, head: ScoreHead, bins: int, clips: LabelledClips, config: SupervisedConfig) -> None:
        """Make the targets."""
        sd = np.where(np.isnan(clips.score_sd), _DEFAULT_SD, clips.score_sd).astype(np.float32)
        self._head, self._weight, self._bins = head, config.expectation_weight, score_bins(bins)
        self._mean = torch.from_numpy(clips.score)
        self._nearest = (self._mean[:, None] - self._bins).abs().argmin(dim=1)
        self._targets = gaussian_targets(self._mean, torch.from_numpy(sd), self._bins)
        self.known = clips.scored

    def start(self) -> Tensor:
        """Return the head's bias that says of every clip what is true of all together."""
        known = torch.from_numpy(self.known)
        if self._head is ScoreHead.REGRESSION:
            return self._mean[known].mean()[None]
        classes = self._head is ScoreHead.CLASSES
        targets = one_hot(self._nearest[known], len(self._bins)).float() if classes else self._targets[known]
        return torch.log(targets.mean(dim=0) + 1e-3)

    def __call__(self, network: SupervisedNetwork, embedding: Tensor, rows: Tensor) -> Tensor:
        """Return the loss of k scored rows with embedding [k, hidden]."""
        out: Tensor = network.score(embedding)
        if self._head is ScoreHead.REGRESSION:
            return mse_loss(out[:, 0], self._mean[rows])
        if self._head is ScoreHead.CLASSES:
            return cross_entropy(out, self._nearest[rows])
        return distribution_loss(out, self._targets[rows], self._mean[rows], self._bins, self._weight)


class TagLoss:
    """Loss of the tag head on the tagged ones of n clips.

    With a latent space: cross-entropy of both logits and of what the decoder makes of the tags' own code, and the correlation
    of the two codes.
    """

    def __init__(self, clips: LabelledClips, config: SupervisedConfig) -> None:
        """Keep the tags."""
        self._tags = torch.from_numpy(clips.tags)
        self._correlation, self._constraint = config.correlation_weight, config.constraint_weight
        self.known = clips.tagged

    def start(self) -> Tensor:
        """Return the logits that say of every clip what is true of all together."""
        frequency = self._tags[torch.from_numpy(self.known)].mean(dim=0)
        return torch.logit(frequency.clamp(1e-3, 1 - 1e-3))

    def __call__(self, network: SupervisedNetwork, embedding: Tensor, rows: Tensor) -> Tensor:
        """Return the loss of k tagged rows with embedding [k, hidden]."""
        tags = self._tags[rows]
        loss = binary_cross_entropy_with_logits(network.tags(embedding), tags)
        if not network.correlated:
            return loss
        codes = network.encode_features(embedding), network.encode_tags(tags)
        for code in codes:
            loss = loss + binary_cross_entropy_with_logits(network.decode(code), tags)
        return loss + self._correlation * correlation_loss(*codes, self._constraint)


class JointLoss(nn.Module):
    """Weighs the tasks of a network by their own noise, learned with them: `sum(exp(-s) * loss + s / 2)`.

    Source: Kendall, Gal and Cipolla, Multi-task learning using uncertainty to weigh losses, CVPR 2018.
    """

    def __init__(self, shape: SupervisedShape, clips: LabelledClips, config: SupervisedConfig) -> None:
        super().__init__()
        self.score = ScoreLoss(shape.score_head, shape.bins, clips, config) if shape.score_head else None
        self.tags = TagLoss(clips, config) if shape.tag_head else None
        self.tasks = [task for task in (self.score, self.tags) if task]
        self.log_variance = nn.Parameter(torch.zeros(len(self.tasks)), requires_grad=config.balanced and len(self.tasks) > 1)

    def forward(self, network: SupervisedNetwork, inputs: Tensor, rows: NDArray[np.int64]) -> Tensor:
        """Return the joint loss of rows [k] with inputs [n, columns]; of each task those that have its labels."""
        embedding = network.extract(inputs[torch.from_numpy(rows)])
        total: Tensor = embedding.sum() * 0.0
        for task, log_variance in zip(self.tasks, self.log_variance, strict=True):
            known = task.known[rows]
            if known.any():
                loss = task(network, embedding[torch.from_numpy(known)], torch.from_numpy(rows[known]))
                total = total + torch.exp(-log_variance) * loss + log_variance / 2
        return total
