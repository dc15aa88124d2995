"""Intervals from what was missed on clips that nothing was learned from (split conformal).

Source: Lei and others, Distribution-free predictive inference for regression, JASA 2018.
"""

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray


def conformal_quantile(missed: NDArray[np.floating[Any]], coverage: float) -> float:
    """Return what a share of `coverage` of new clips miss by no more, given what n others, at least one, have missed by.

    It is the `ceil((n + 1) * coverage)`-th of them, since the new clip is one of n + 1; the greatest where n is too small.
    """
    place = min(len(missed), ceil((len(missed) + 1) * coverage)) - 1
    return float(np.sort(missed)[place])
