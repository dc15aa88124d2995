"""Consistency: pairs that contradict the others are found, and others are left alone."""

import numpy as np
import pytest

from scoring.pairs.consistency import fit_consistency


def _pairs(clips: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs that agree on one order, surer the farther apart."""
    draw = np.random.default_rng(1)
    worth = draw.normal(size=clips)
    one, other = draw.integers(0, clips, (2, count))
    one, other = one[one != other], other[one != other]
    distance = worth[one] - worth[other]
    return np.where(distance > 0, one, other), np.where(distance > 0, other, one), np.tanh(np.abs(distance))


@pytest.mark.parametrize("count", [100, 1_000, 10_000])
def test_pairs_that_agree_are_left_alone(count: int) -> None:
    """Where nothing contradicts, however few pairs there are, no pair is held for wrong."""
    preferred, other, confidence = _pairs(300, count)
    assert (fit_consistency(preferred, other, confidence, 300).right > 0.5).all()


def test_turned_pairs_are_found() -> None:
    """Of 30 % turned pairs, where each clip is in many, 19 in 20 of the sure ones are found, and their part is estimated."""
    preferred, other, confidence = _pairs(300, 10_000)
    turned = np.random.default_rng(2).random(len(preferred)) < 0.3
    fit = fit_consistency(np.where(turned, other, preferred), np.where(turned, preferred, other), confidence, 300)
    sure = confidence > 0.5
    assert ((fit.right < 0.5) == turned)[sure].mean() > 0.95
    assert fit.part_right == pytest.approx(0.7, abs=0.05)
