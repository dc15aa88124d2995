"""Label distributions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the extra `training` is not installed")

import torch

from scoring.supervised.label_distribution import distribution_loss, expectation, gaussian_targets, score_bins, spread

_BINS = score_bins(41)


@given(st.floats(0.5, 9.5), st.floats(0.0, 3.0))
def test_a_target_has_the_mean_of_its_label(mean: float, sd: float) -> None:
    """Also where the ends of the scale cut the Gaussian off; probabilities add up to 1."""
    target = gaussian_targets(torch.tensor([mean]), torch.tensor([sd]), _BINS)
    assert float(target.sum()) == pytest.approx(1, abs=1e-5)
    assert float(target @ _BINS) == pytest.approx(mean, abs=0.02)


def test_a_target_far_from_the_ends_has_the_spread_of_its_label() -> None:
    """A Gaussian of sd 1 in the middle of the scale keeps its sd."""
    target = gaussian_targets(torch.tensor([5.0]), torch.tensor([1.0]), _BINS)
    assert float(spread(target.log(), _BINS)) == pytest.approx(1, abs=1e-3)


def test_nothing_is_better_than_to_say_the_target() -> None:
    """The loss is 0 at the target, and more anywhere else."""
    mean = torch.tensor([3.0])
    target = gaussian_targets(mean, torch.tensor([1.0]), _BINS)
    at_target = distribution_loss(target.log(), target, mean, _BINS, 1.0)
    elsewhere = distribution_loss(target.log() + torch.linspace(0, 1, 41), target, mean, _BINS, 1.0)
    assert float(at_target) == pytest.approx(0, abs=1e-3)
    assert float(elsewhere) > float(at_target) + 0.01
    assert float(expectation(target.log(), _BINS)) == pytest.approx(3, abs=0.01)
