"""A signal's values as points on 0-10: a growing, piecewise linear curve, by isotonic regression of labels on the signal.

Barlow and others 1972, "Statistical inference under order restrictions"; bins make it a curve of a few readable points.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BINS: Final = 16
"""That clips are cut into. A value that as many clips have as are in one of these has a bin of its own."""
_EQUAL: Final = 1e-9
"""Values nearer to each other than this part of the range are one, and so are all if the range is this part of their size."""


class MonotoneMap(NamedTuple):
    """A curve that nowhere falls. Beyond its ends it is level: what was never seen is not extrapolated."""

    knots: Floats
    """[j] values of the signal, growing."""
    points: Floats
    """[j] on 0-10, but not bound to it."""

    def __call__(self, values: Floats) -> Floats:
        """Return the points of n values; NaN stays NaN."""
        return np.interp(values, self.knots, self.points)

    @property
    def slope(self) -> float:
        """Points of one unit of the signal, between its ends: one number, so that no value changes another's weight."""
        width = self.knots[-1] - self.knots[0]
        return float((self.points[-1] - self.points[0]) / width) if width else 0.0

    def stretched(self, factor: float, middle: float) -> "MonotoneMap":
        """Return the curve with all distances from a middle multiplied."""
        return MonotoneMap(self.knots, middle + factor * (self.points - middle))


def fit_map(values: Floats, labels: Floats, weight: Floats) -> MonotoneMap:
    """Return the growing curve that is nearest to the labels of n clips; level if their values are all one.

    Args:
        values: [n] of the signal, no NaN.
        labels: [n] on 0-10.
        weight: [n] how much each clip counts, above 0.
    """
    from scipy.optimize import isotonic_regression  # workers use maps, and start half a second sooner without it

    bins = _bins(values)
    total = np.bincount(bins, weight)
    knots, means = (np.bincount(bins, weight * column) / total for column in (values, labels))
    points = isotonic_regression(means, weights=total).x
    return MonotoneMap(np.maximum.accumulate(knots), np.maximum.accumulate(np.asarray(points, np.float64)))


def _bins(values: Floats) -> NDArray[np.int64]:
    """Return the bin of each of n values, [n], as many clips in each as can be; equal values are always in one."""
    group = _groups(values)
    size = np.bincount(group)
    middle = np.cumsum(size) - size + (size - 1) // 2
    of_place = np.repeat(np.arange(BINS), [len(part) for part in np.array_split(np.arange(len(values)), BINS)])
    alone = size * BINS >= len(values)
    begins = (np.diff(of_place[middle], prepend=-1) > 0) | alone | np.append(False, alone[:-1])
    return (np.cumsum(begins) - 1)[group]


def _groups(values: Floats) -> NDArray[np.int64]:
    """Return the rank of each of n values among the different ones, [n]."""
    order = np.argsort(values, kind="stable")
    width = float(np.ptp(values))
    least = width if width <= _EQUAL * np.abs(values).max() else _EQUAL * width
    group = np.empty(len(values), np.int64)
    group[order] = np.cumsum(np.diff(values[order], prepend=values[order[0]]) > least)
    return group
