"""Label distribution learning: a score is a distribution over bins, learned by divergence and by expectation.

Source: Gao et al., Deep Label Distribution Learning With Label Ambiguity, IEEE TIP 2017 (DLDL); Gao et al., Learning
Expectation of Label Distribution for Facial Age and Attractiveness Estimation, 2020 (DLDL-v2).
"""

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from schemas.limits import MAX_SCORE

_NEWTON_STEPS = 8


def score_bins(count: int) -> Tensor:
    """Places of `count` bins, at least two, evenly over the scale from 0 to its end, [count]."""
    return torch.linspace(0.0, MAX_SCORE, count)


def gaussian_targets(mean: Tensor, sd: Tensor, bins: Tensor) -> Tensor:
    """Distribution of each label over the bins: a Gaussian, cut off at the ends of the scale, whose mean is the label's.

    What is cut off would move the mean inwards, and so contradict the loss's second term: the Gaussian is moved outwards until
    the mean is right again (Newton; the derivative of the mean by the place is variance / sd^2). `mean` and `sd` have shape
    (labels,) and the scale's unit; the result has shape (labels, bins), and its rows sum to 1. An `sd` below half a bin's
    width is raised to it, since such a Gaussian would fall between the bins.
    """
    sd = torch.clamp(sd, min=float(bins[1] - bins[0]) / 2)
    place, targets = mean, _gaussian(mean, sd, bins)
    for _ in range(_NEWTON_STEPS):
        reached = targets @ bins
        variance = torch.clamp(targets @ bins**2 - reached**2, min=1e-3)
        place = torch.clamp(place + (mean - reached) * sd**2 / variance, -MAX_SCORE, 2 * MAX_SCORE)
        targets = _gaussian(place, sd, bins)
    return targets


def _gaussian(place: Tensor, sd: Tensor, bins: Tensor) -> Tensor:
    return torch.softmax(-0.5 * ((bins - place[:, None]) / sd[:, None]) ** 2, dim=1)


def expectation(logits: Tensor, bins: Tensor) -> Tensor:
    """Mean of each predicted distribution. Logits (clips, bins), result (clips,)."""
    return torch.softmax(logits, dim=1) @ bins


def spread(logits: Tensor, bins: Tensor) -> Tensor:
    """Standard deviation of each predicted distribution. Logits (clips, bins), result (clips,)."""
    probability = torch.softmax(logits, dim=1)
    away = bins - (probability @ bins)[:, None]
    return (probability * away**2).sum(dim=1).sqrt()


def distribution_loss(logits: Tensor, targets: Tensor, mean: Tensor, bins: Tensor, expectation_weight: float) -> Tensor:
    """KL(target || predicted) + `expectation_weight` * |expected score - mean label|, averaged over the clips (DLDL-v2).

    Logits and targets (clips, bins), mean (clips,); a scalar.
    """
    divergence = kl_div(log_softmax(logits, dim=1), targets, reduction="batchmean")
    return divergence + expectation_weight * (expectation(logits, bins) - mean).abs().mean()
