"""Canonical-correlated autoencoder of tags (C2AE): features and tags meet in one latent space, from which tags are decoded.

Source: Yeh et al., Learning Deep Latent Spaces for Multi-Label Classification, AAAI 2017, arXiv 1707.00418.
"""

import torch
from torch import Tensor


def correlation_loss(features: Tensor, tags: Tensor, constraint_weight: float) -> Tensor:
    """Distance of both codes of the same clips, with each code's covariance held to the identity.

    `|Fx - Fe|^2 / n + constraint_weight * (|Cx - I|^2 + |Ce - I|^2)`, with C the covariance of a code in the batch, so that the
    distance cannot vanish by both codes collapsing. Both codes have shape (clips, latent); a scalar, over the latent size.
    """
    distance = ((features - tags) ** 2).sum(dim=1).mean()
    return (distance + constraint_weight * (_departure(features) + _departure(tags))) / features.shape[1]


def _departure(code: Tensor) -> Tensor:
    centred = code - code.mean(dim=0)
    covariance = centred.T @ centred / len(code)
    return ((covariance - torch.eye(code.shape[1], dtype=code.dtype, device=code.device)) ** 2).sum()
