"""Curves of signals whose values are tied."""

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.learned_fusion.fit import fit_fusion
from scoring.learned_fusion.lesson import lesson_of
from scoring.learned_fusion.live import SIGNALS, numbers_of
from scoring.learned_fusion.maps import BINS, fit_map
from scoring.learned_fusion.model import SignalTable

_CLIPS = 400


def _celebrity(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the importance of the people in clips, 0 in most of them, and labels that grow with it."""
    rng = np.random.default_rng(seed)
    value = np.where(rng.random(_CLIPS) < 0.85, 0.0, rng.uniform(0.2, 1, _CLIPS))
    return value, 4 + 3 * value + rng.normal(0, 1, _CLIPS)


def test_a_value_of_many_clips_has_the_mean_of_their_labels() -> None:
    """Not that of the sixteenth of them which happens to lie best."""
    for seed in range(10):
        value, label = _celebrity(seed)
        curve = fit_map(value, label, np.ones(_CLIPS))
        assert curve(np.zeros(1))[0] == pytest.approx(label[value == 0].mean(), abs=0.03)


def test_the_order_of_clips_does_not_matter() -> None:
    """Equal values are one, whichever clip comes first."""
    value, label = _celebrity(0)
    shuffled = np.random.default_rng(1).permutation(_CLIPS)
    one, other = fit_map(value, label, np.ones(_CLIPS)), fit_map(value[shuffled], label[shuffled], np.ones(_CLIPS))
    np.testing.assert_allclose(one.knots, other.knots, atol=1e-12)
    np.testing.assert_allclose(one.points, other.points, atol=1e-12)


@pytest.mark.parametrize("value", [0.1, 0.0, -7.3])
def test_a_constant_signal_says_nothing(value: float) -> None:
    """Though labels happen to grow from the first clip to the last; nor does one that was only rounded differently."""
    label = np.linspace(0, 10, _CLIPS)
    for values in (np.full(_CLIPS, value), np.full(_CLIPS, value) * (1 + 1e-15 * np.arange(_CLIPS))):
        signals = SignalTable(values[None], np.zeros((1, _CLIPS)))
        model = fit_fusion(lesson_of(signals, label, np.arange(_CLIPS) // 10), ("constant",))
        assert np.isinf(model.misfit).all()
        assert np.ptp(model.fuse(signals).worth) == 0


def test_values_that_differ_are_cut_into_equal_parts() -> None:
    """As many clips in each bin as can be."""
    value = np.random.default_rng(0).normal(size=100)
    curve = fit_map(value, value, np.ones(100))
    np.testing.assert_allclose(curve.knots, [part.mean() for part in np.array_split(np.sort(value), BINS)])


@pytest.mark.parametrize("share", [0.4, 1.0])
def test_tied_scores_make_a_release(share: float) -> None:
    """Whatever part of the clips has the same score and spread, a mean that is rounded lets no curve fall."""
    for seed in range(22):
        rng = np.random.default_rng(seed)
        label = np.clip(rng.normal(5, 2, 100), 0, 10)
        value = np.full((len(SIGNALS), 100), np.nan)
        value[0] = np.where(rng.random(100) < share, 0.1 + rng.integers(0, 100), label + rng.normal(0, 1, 100))
        spread = np.where(np.isnan(value), 0.0, rng.uniform(0.5, 1.5))
        model = fit_fusion(lesson_of(SignalTable(value, spread), label, np.arange(100) // 10), SIGNALS)
        assert len(numbers_of(model).signals) == len(SIGNALS)
