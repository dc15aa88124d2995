"""A signal's values as points on 0-10: a growing, piecewise linear curve, by isotonic regression of labels on the signal.

Barlow and others 1972, "Statistical inference under order restrictions"; bins make it a curve of a few readable points.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KNOTS: Final = 16


class MonotoneMap(NamedTuple):
    """A curve that nowhere falls. Beyond its ends it is level: what was never seen is not extrapolated."""

    knots: Floats
    """[KNOTS] values of the signal, growing."""
    points: Floats
    """[KNOTS] on 0-10, but not bound to it."""

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
    """Return the growing curve that is nearest to the labels of n clips.

    Args:
        values: [n] of the signal, no NaN.
        labels: [n] on 0-10.
        weight: [n] how much each clip counts, above 0.
    """
    from scipy.optimize import isotonic_regression  # workers use maps, and start half a second sooner without it

    order = np.argsort(values, kind="stable")
    bins = [part for part in np.array_split(order, KNOTS) if len(part)]
    means = [[np.average(column[part], weights=weight[part]) for part in bins] for column in (values, labels)]
    total = [weight[part].sum() for part in bins]
    points = isotonic_regression(means[1], weights=total).x
    # A map always has as many knots, so that a release's arrays have one shape.
    at = np.linspace(0, len(bins) - 1, KNOTS).round().astype(np.int64)
    return MonotoneMap(np.array(means[0])[at], np.asarray(points, np.float64)[at])
