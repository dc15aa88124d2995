"""Cube roots of Gamma variables, of millions of values a second: the fused score takes six a clip, see `scoring.fusion`.

The mean of the p-th power of a Gamma variable of shape x is gamma(x + p) / gamma(x). It is taken from its expansion in
w = x + (p - 1) / 2, times w**p (Fields 1966, "A note on the asymptotic expansion of a ratio of gamma functions"; NIST DLMF
5.11.14), from x = 8 on, to which gamma(x + 1) = x gamma(x) leads. Its error is below 2e-13 of the value.
"""

import numpy as np
from numpy.typing import NDArray

from schemas.compiled import compiled, inlined

_SHIFTED_TO = 8.0
_THIRD, _TWO_THIRDS = 1.0 / 3.0, 2.0 / 3.0
_FACTORS = (1.0, 1 / 81, -13 / 6_561, 1_661 / 1_594_323, -145_486 / 129_140_163, 21_643_414 / 10_460_353_203)
"""Of w**0, w**-2, w**-4 ... w**-10, for p = 1/3."""
_FACTORS_OF_SQUARE = (
    1.0, 5 / 324, -217 / 104_976, 107_185 / 102_036_672, -18_634_421 / 16_529_940_864, 11_072_472_775 / 5_355_700_839_936,
)  # fmt: skip
"""The same for p = 2/3."""


@inlined
def _expansion(x, power, factors):
    """Return (w, what w**power is to be multiplied by)."""
    above = below = 1.0
    while x < _SHIFTED_TO:
        above *= x
        below *= x + power
        x += 1.0
    w = x + (power - 1.0) / 2.0
    square = 1.0 / (w * w)
    series = 0.0
    for factor in factors[::-1]:
        series = series * square + factor
    return w, series * above / below


@inlined
def mean_cube_root_of(x):
    """Return the mean cube root of a Gamma variable of shape x > 0, in compiled code."""
    w, rest = _expansion(x, _THIRD, _FACTORS)
    return np.cbrt(w) * rest


@compiled
def _fill(shapes, means, squares):
    for at in range(len(shapes)):
        means[at] = mean_cube_root_of(shapes[at])
        w, rest = _expansion(shapes[at], _TWO_THIRDS, _FACTORS_OF_SQUARE)
        squares[at] = np.cbrt(w) ** 2 * rest


def cube_root_moments(shapes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and variance of the cube root of Gamma variables, of each shape x > 0."""
    means, squares = np.empty(shapes.size), np.empty(shapes.size)
    _fill(shapes.ravel(), means, squares)
    return means.reshape(shapes.shape), (squares - means**2).reshape(shapes.shape)
