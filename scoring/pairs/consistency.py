"""Which pairs contradict the others: a pair that most others speak against was probably written the wrong way round.

A pair that is right with probability p says that its clips lie `y = probit(p)` apart, in standard deviations of what it
was judged by. The worth w that all pairs agree on best is a weighted least-squares fit (HodgeRank: Jiang, Lim, Yao, Ye 2011,
"Statistical ranking and combinatorial Hodge theory"). A pair is the right way round or turned round: given the distance d
that the others put between its clips, the log-odds that it is right are `log(a / (1 - a)) + 2 y d / s**2`, with a the part
of pairs that are right and s**2 the variance about the fit. Fit and odds are found in turn (expectation-maximisation,
Dempster, Laird, Rubin 1977).

Pairs of one table of statistics cannot contradict each other; those of several kinds, times or sources can, and those that
something on their way has garbled.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.linalg import cg
from scipy.special import expit, logit, ndtri

from scoring.pairs.confidence import probability_right

Floats = NDArray[np.float64]

_ROUNDS: Final = 15
_PRIOR_PRECISION: Final = 0.3
"""Of a clip's worth, in pairs that say nothing: a clip of one pair is not placed by it alone."""
_MOST_CONFIDENCE: Final = 0.999
_LEAST_VARIANCE: Final = 0.01
_RIGHT_RANGE: Final = (0.5, 0.9999)


class Fit(NamedTuple):
    """What pairs agree on."""

    right: Floats
    """[m] probability that the pair is the right way round, by the other pairs."""
    part_right: float
    """Estimated part of all pairs that is the right way round."""


def fit_consistency(preferred: NDArray[np.int64], other: NDArray[np.int64], confidence: Floats, clips: int) -> Fit:
    """Return how probably each of m pairs is the right way round, given the others.

    Args:
        preferred: [m] rows of clips.
        other: [m].
        confidence: [m] in (0, 1].
        clips: how many there are.
    """
    said = ndtri(probability_right(np.minimum(confidence, _MOST_CONFIDENCE)))
    ends = _ends(preferred, other, clips)
    normal = csr_array(ends.T @ ends + diags_array(np.full(clips, _PRIOR_PRECISION)))
    # How much of a fitted distance is the pair's own doing (its leverage, close where clips have many pairs).
    diagonal = normal.diagonal()
    own = np.minimum(1 / diagonal[preferred] + 1 / diagonal[other], 1.0)
    freedom = max(float((1 - own).sum()), 1.0)
    right, part_right = np.full(len(said), 0.9), 0.9
    worth = np.zeros(clips)
    for _ in range(_ROUNDS):
        expected = (2 * right - 1) * said
        worth = cg(normal, ends.T @ expected, x0=worth, rtol=1e-4)[0]
        fitted = ends @ worth
        missed = right * (said - fitted) ** 2 + (1 - right) * (said + fitted) ** 2
        variance = max(float(missed.sum()) / freedom, _LEAST_VARIANCE)
        # Without its own part the distance is (fitted - own * expected) / (1 - own), of variance s**2 / (1 - own).
        right = expit(logit(part_right) + 2 * said * (fitted - own * expected) / variance)
        part_right = float(np.clip(right.mean(), *_RIGHT_RANGE))
    return Fit(right, part_right)


def _ends(preferred: NDArray[np.int64], other: NDArray[np.int64], clips: int) -> csr_array:
    """Return the matrix that turns worth into the pairs' distances, [m, clips]."""
    pairs = np.arange(len(preferred))
    signs = np.concatenate([np.ones(len(pairs)), -np.ones(len(pairs))])
    return csr_array(coo_array((signs, (np.tile(pairs, 2), np.concatenate([preferred, other]))), shape=(len(pairs), clips)))
