"""Laws of the cube roots of Gamma variables."""

import numpy as np
from scipy.special import poch

from scoring.gamma_ratio import cube_root_moments

_SHAPES = np.geomspace(1e-6, 1e6, 10_000)


def _mean(shapes: np.ndarray) -> np.ndarray:
    return cube_root_moments(shapes)[0]


def test_moments_are_ratios_of_gamma_functions() -> None:
    """Compared with a library's Pochhammer symbol, whose own error grows with its argument."""
    mean, variance = cube_root_moments(_SHAPES)
    np.testing.assert_allclose(mean, poch(_SHAPES, 1 / 3), rtol=1e-10)
    np.testing.assert_allclose(variance + mean**2, poch(_SHAPES, 2 / 3), rtol=1e-10)


def test_known_values() -> None:
    """gamma(4/3) and gamma(7/3), and the variance of the cube root of an exponential, to 15 digits."""
    mean, variance = cube_root_moments(np.array([1.0, 2.0]))
    np.testing.assert_allclose(mean, [0.8929795115692493, 1.1906393487589990], rtol=3e-13)
    np.testing.assert_allclose(variance[0], 0.9027452929509336 - 0.8929795115692493**2, rtol=1e-11)


def test_the_mean_obeys_the_recurrence_of_gamma() -> None:
    """gamma(x + 1) = x gamma(x), on both sides of where the expansion begins."""
    np.testing.assert_allclose(_mean(_SHAPES + 1), _mean(_SHAPES) * (_SHAPES + 1 / 3) / _SHAPES, rtol=1e-12)


def test_the_variance_of_large_shapes_is_a_ninth_of_the_cube_root() -> None:
    """The variance of x**(1/3) tends to x**(-1/3) / 9: what is left of two large numbers' difference is right."""
    shapes = np.geomspace(1e4, 1e6, 50)
    np.testing.assert_allclose(cube_root_moments(shapes)[1] * 9 * np.cbrt(shapes), 1, rtol=1e-4)
