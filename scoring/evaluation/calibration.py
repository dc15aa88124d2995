"""Whether probabilities mean what they say."""

import numpy as np
from numpy.typing import NDArray


def expected_calibration_error(probability: NDArray[np.float64], true: NDArray[np.bool_], bins: int = 10) -> float:
    """Return the mean distance between what was said and what was true, over bins that hold equally many of n predictions.

    Equal numbers, not equal widths, so that no bin is left to chance (Nguyen and O'Connor 2015, "Posterior calibration and
    exploratory analysis for natural language processing models").

    Raises:
        ValueError: there is nothing to judge.
    """
    if not len(probability):
        raise ValueError("no prediction to judge: n = 0")
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    distances = [abs(float(probability[part].mean()) - float(true[part].mean())) * len(part) for part in parts]
    return sum(distances) / len(order)
