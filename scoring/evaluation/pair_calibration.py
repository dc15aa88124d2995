"""Whether a pair's confidence means what it says, judged by other viewers than those it was built from."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from scoring.evaluation.calibration import expected_calibration_error
from scoring.pairs.confidence import probability_right
from scoring.ranker.dataset import RankedPairs
from scoring.rates import Posterior

RAW: Final = "calibration error, raw"
PREDICTED: Final = "calibration error, predicted"

_LEAST_JUDGES: Final = 10
_LEAST_PAIRS: Final = 100


class Likings(NamedTuple):
    """How many of a group of viewers saw each of n clips, and how many of those liked it."""

    seen: NDArray[np.float64]
    liked: NDArray[np.float64]


def calibration_errors(pairs: RankedPairs, rate: Posterior, judges: Likings) -> dict[str, float]:
    """Return the expected calibration error of pairs, raw and predicted, or NaN where fewer than 100 pairs can be judged.

    A pair is judged where at least 10 judges saw each of its clips, and is right where a larger part of them liked the
    preferred clip; ties are left out. Judges are a sample, so that even a pair that is surely right is now and then
    judged wrong. Raw ignores that. Predicted compares with the probability that the judges' own parts are in the pair's
    order, from the posterior predictive of both parts (beta-binomial mean and variance, taken as Gaussian).

    Args:
        pairs: m pairs of rows.
        rate: posterior of the n clips' liking rates, [1, n].
        judges: of the n clips.
    """
    enough = np.minimum(judges.seen[pairs.preferred], judges.seen[pairs.other]) >= _LEAST_JUDGES
    part = judges.liked / np.maximum(judges.seen, 1)
    judged = pairs.take(enough & (part[pairs.preferred] != part[pairs.other]))
    if len(judged.preferred) < _LEAST_PAIRS:
        return {RAW: np.nan, PREDICTED: np.nan}
    right = part[judged.preferred] > part[judged.other]
    mean, spread = rate.mean[0], rate.sd[0] ** 2
    # Var(p) + E[p (1 - p)] / judges, of the part of the judges who will like the clip.
    variance = spread + (mean * (1 - mean) - spread) / np.maximum(judges.seen, 1)
    distance = mean[judged.preferred] - mean[judged.other]
    predicted = ndtr(distance / np.sqrt(variance[judged.preferred] + variance[judged.other]))
    said = probability_right(judged.confidence)
    return {RAW: expected_calibration_error(said, right), PREDICTED: expected_calibration_error(predicted, right)}
