"""Laws of the mean cube roots of Gamma variables."""

import numpy as np
from scipy.special import poch

from scoring.gamma_ratio import mean_cube_root

_SHAPES = np.geomspace(1e-6, 1e6, 10_000)


def test_it_is_the_ratio_of_gamma_functions() -> None:
    """Compared with a library's Pochhammer symbol, whose own error grows with its argument."""
    np.testing.assert_allclose(mean_cube_root(_SHAPES), poch(_SHAPES, 1 / 3), rtol=1e-10)


def test_known_values() -> None:
    """gamma(4/3) and gamma(7/3), to 16 digits."""
    np.testing.assert_allclose(mean_cube_root(np.array([1.0, 2.0])), [0.8929795115692493, 1.1906393487589990], rtol=3e-13)


def test_it_obeys_the_recurrence_of_gamma() -> None:
    """gamma(x + 1) = x gamma(x), on both sides of where the expansion begins."""
    np.testing.assert_allclose(mean_cube_root(_SHAPES + 1), mean_cube_root(_SHAPES) * (_SHAPES + 1 / 3) / _SHAPES, rtol=1e-12)
