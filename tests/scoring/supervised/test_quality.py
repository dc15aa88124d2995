"""How good outputs are."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from scoring.supervised.quality import average_precision


@pytest.mark.parametrize("levels", [1, 3, 1_000_000])
def test_average_precision_is_that_of_scikit_learn(levels: int) -> None:
    """For every tag, also where many clips are equally probable."""
    draw = np.random.default_rng(levels)
    tags = (draw.random((50, 7)) < 0.3).astype(np.float32)
    probability = (draw.integers(0, levels, tags.shape) / levels).astype(np.float32)
    expected = average_precision_score(tags, probability, average=None)
    np.testing.assert_allclose(average_precision(tags, probability), expected)
