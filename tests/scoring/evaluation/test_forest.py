"""Forests as a reference."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `training` is not installed")
pytest.importorskip("torch", reason="the extra `training` is not installed")

from scoring.evaluation.forest import forest_of
from scoring.evaluation.supervised import COVERED, PARAMETERS, PRECISION, SQUARED_ERROR, metrics_of
from tests.scoring.supervised.planted import planted


def test_a_forest_finds_what_is_planted() -> None:
    """Scores are told better than by their mean, tags better than by chance; what forests do not say is not made up."""
    clips, test = planted(videos=60, seed=1), planted(videos=40, seed=2)
    found = metrics_of([forest_of(clips, 0)], test)
    assert found[SQUARED_ERROR] < 0.8 * np.nanvar(test.score)
    assert found[PRECISION] > 100 * np.nanmean(test.tags) + 10
    assert np.isnan(found[PARAMETERS])
    assert COVERED not in found
