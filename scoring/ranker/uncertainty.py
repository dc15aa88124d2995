"""How sure a ranker is of each clip: a Laplace approximation over its last layer, widened until held-out pairs agree.

Around the trained head the pairs' loss is a Gaussian with the precision `H = sum c s(d)(1 - s(d)) x x' + I`, where x is the
difference of a pair's embeddings, d that of their worth, c its confidence and s the logistic function (Kristiadi et al.
2020, "Being Bayesian, even just a bit, fixes overconfidence in ReLU networks"). That says which clips are less certain than
others; but pairs are not independent, and the network may be wrong where its last layer is sure. So the overall width is
the one under which held-out pairs are most probable, when `P(i over j) = Phi(d / sqrt(v_i + v_j))`.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_ndtr

from scoring.ranker.dataset import RankedPairs
from scoring.ranker.trained import WorthPosterior

_LOG_WIDTH_RANGE: Final = (-10.0, 10.0)
_PAIRS_AT_ONCE: Final = 100_000

Embeddings = NDArray[np.float32]


def fit_posterior(
    embeddings: Embeddings, head: NDArray[np.float32], learned: RankedPairs, held_out: RankedPairs
) -> WorthPosterior:
    """Return the posterior of worth.

    Args:
        embeddings: [n, hidden] of the training library.
        head: [hidden] trained weights.
        learned: pairs that the head was trained on.
        held_out: pairs that set the width.
    """
    centre = embeddings.mean(axis=0)
    centred = embeddings - centre
    worth = centred @ head
    covariance = np.linalg.inv(_precision(centred, worth, learned))
    variance = np.einsum("ij,ij->i", centred @ covariance, centred)
    distance = worth[held_out.preferred] - worth[held_out.other]
    width = _width(distance, variance[held_out.preferred] + variance[held_out.other], held_out.confidence)
    unit = np.array([max(float(worth.std()), np.finfo(np.float32).tiny)], np.float32)
    return WorthPosterior(centre, (covariance * width).astype(np.float32), unit)


def _precision(centred: Embeddings, worth: NDArray[np.float32], pairs: RankedPairs) -> NDArray[np.float64]:
    precision = np.eye(centred.shape[1])
    for start in range(0, len(pairs.preferred), _PAIRS_AT_ONCE):
        part = pairs.take(slice(start, start + _PAIRS_AT_ONCE))
        right = expit(worth[part.preferred] - worth[part.other])
        difference = (centred[part.preferred] - centred[part.other]).astype(np.float64)
        precision += (difference * (part.confidence * right * (1 - right))[:, None]).T @ difference
    return precision


def _width(distance: NDArray[np.float32], variance: NDArray[np.float64], confidence: NDArray[np.float64]) -> float:
    """Return by what to multiply the variance, so that the held-out pairs, each right with (1 + c) / 2, are most probable."""

    def surprise(log_width: float) -> float:
        z = distance / np.sqrt(np.exp(log_width) * variance)
        return -float(np.mean((1 + confidence) / 2 * log_ndtr(z) + (1 - confidence) / 2 * log_ndtr(-z)))

    return float(np.exp(minimize_scalar(surprise, bounds=_LOG_WIDTH_RANGE, method="bounded").x))
