"""Rates and their priors: what the fit recovers, and what the posterior does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from schemas.interactions import FAST_FORWARD, PLAY, REWIND, SHARE
from scoring.rates import POSITION_BINS, SIGNAL_KINDS, RatePrior, first_prior, fit_prior, position_bin, posterior

_MEANS = (0.03, 0.08, 0.2)
_STRENGTHS = (40.0, 120.0, 15.0)


def _library(seed: int, clips: int, exposures: tuple[int, int] = (50, 400)) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return counts and clip indices of a library with known priors; early clips are skipped twice as often."""
    draw = np.random.default_rng(seed)
    clip_index = draw.integers(0, 200, clips)
    counts = np.zeros((4, clips), np.uint32)
    counts[PLAY] = draw.integers(*exposures, clips)
    for kind, mean, strength in zip(SIGNAL_KINDS, _MEANS, _STRENGTHS, strict=True):
        expected = np.where((clip_index == 0) & (kind == FAST_FORWARD), 2 * mean, mean)
        counts[kind] = draw.binomial(counts[PLAY], draw.beta(expected * strength, (1 - expected) * strength))
    return counts, clip_index


def test_fit_recovers_the_means_of_a_known_library() -> None:
    """Means of 20,000 clips are found within 5 %, in every position bin with hundreds of clips."""
    counts, clip_index = _library(1, 20_000)
    prior = fit_prior(counts, clip_index, 0)
    for row, mean in enumerate(_MEANS):
        np.testing.assert_allclose(prior.mean[row, 3:], mean, rtol=0.05)


def test_fit_finds_what_is_usual_at_a_position() -> None:
    """First clips, which are skipped twice as often, get a mean of their own within 10 %."""
    counts, clip_index = _library(2, 60_000)
    skipped = fit_prior(counts, clip_index, 0).mean[SIGNAL_KINDS.index(FAST_FORWARD)]
    assert skipped[0] == pytest.approx(0.4, rel=0.1)
    assert skipped[5] == pytest.approx(0.2, rel=0.1)


@pytest.mark.parametrize("exposures", [(10, 30), (50, 400), (2_000, 3_000)])
def test_fit_recovers_the_strengths_of_a_known_library(exposures: tuple[int, int]) -> None:
    """Strengths are found within 15 %, from few exposures a clip as from many: the spread of chance is taken out."""
    counts, clip_index = _library(3, 20_000, exposures)
    np.testing.assert_allclose(fit_prior(counts, clip_index, 0).strength, _STRENGTHS, rtol=0.15)


@pytest.mark.parametrize("usual", [(0.4, 0.03), (0.03, 0.4), (0.5, 0.01)])
def test_strength_is_not_moved_by_what_differs_between_positions(usual: tuple[float, float]) -> None:
    """Where rates at two positions differ by far, the strength is found within 5 %."""
    draw, strength = np.random.default_rng(5), 50.0
    clip_index = np.repeat([0, 64], (10_000, 30_000))
    expected = np.where(clip_index == 0, *usual)
    counts = np.zeros((4, len(clip_index)), np.uint32)
    counts[PLAY] = draw.integers(50, 400, len(clip_index))
    counts[SHARE] = draw.binomial(counts[PLAY], draw.beta(expected * strength, (1 - expected) * strength))
    assert fit_prior(counts, clip_index, 0).strength[SIGNAL_KINDS.index(SHARE)] == pytest.approx(strength, rel=0.05)


@given(st.integers(0, 2**32), st.integers(20, 300))
def test_order_of_clips_does_not_change_a_bit(seed: int, clips: int) -> None:
    """A state that was recovered holds its pages in another order, and must fit the same prior."""
    counts, clip_index = _library(seed, clips)
    order = np.random.default_rng(seed).permutation(clips)
    one, other = fit_prior(counts, clip_index, 7), fit_prior(counts[:, order], clip_index[order], 7)
    assert one.mean.tobytes() == other.mean.tobytes()
    assert one.strength.tobytes() == other.strength.tobytes()


def test_a_small_library_keeps_the_first_prior() -> None:
    """With 19 clips that were seen enough nothing is fitted, however many were not."""
    counts, clip_index = _library(4, 19)
    unseen = np.zeros((4, 1_000), np.uint32)
    prior = fit_prior(np.hstack([counts, unseen]), np.concatenate([clip_index, np.arange(1_000)]), 9)
    np.testing.assert_array_equal(prior.mean, first_prior().mean)
    np.testing.assert_array_equal(prior.strength, first_prior().strength)
    assert prior.fitted_offset == 9


@pytest.mark.parametrize("rate", [0, 1, 100])
def test_a_library_without_spread_makes_a_valid_prior(rate: int) -> None:
    """Clips that are all alike - never, once or always shared - give means inside (0, 1) and a finite strength."""
    counts = np.zeros((4, 500), np.uint32)
    counts[PLAY], counts[SHARE] = 100, rate
    prior = fit_prior(counts, np.arange(500), 0)
    assert ((prior.mean > 0) & (prior.mean < 1)).all()
    assert np.isfinite(prior.strength).all()
    assert (prior.strength > 0).all()


def test_more_signals_than_exposures_count_as_all() -> None:
    """Sessions that share what they did not play do not make a rate above one."""
    counts = np.zeros((4, 500), np.uint32)
    counts[PLAY], counts[SHARE] = 10, 4_000_000_000
    assert (fit_prior(counts, np.arange(500), 0).mean < 1).all()


def test_position_bins_are_those_of_the_documentation() -> None:
    """Clips 0, 1, 2-3, 4-7, 8-15, 16-31, 32-63, and 64 on."""
    borders = np.array([0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 8_639])
    assert position_bin(borders).tolist() == [0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]


_prior = RatePrior(np.tile(np.array(_MEANS)[:, None], (1, POSITION_BINS)), np.array(_STRENGTHS), 0)


@given(st.lists(st.integers(0, 5_000), min_size=4, max_size=4), st.integers(0, 300))
def test_posterior_lies_between_prior_and_rate(counts: list[int], clip: int) -> None:
    """The posterior mean is drawn from the clip's own rate to what is usual, and never beyond either."""
    sessions = np.array(counts, np.float64)[:, None]
    found = posterior(sessions, np.array([clip]), _prior)
    for row, kind in enumerate(SIGNAL_KINDS):
        usual = _MEANS[row]
        rate = min(1.0, counts[kind] / counts[PLAY]) if counts[PLAY] else usual
        assert min(rate, usual) - 1e-12 <= found.mean[row, 0] <= max(rate, usual) + 1e-12
        assert found.expected[row, 0] == usual


def test_posterior_is_sure_of_more_as_sessions_grow() -> None:
    """At the same rates, more sessions bring the mean closer to the rate and make the deviation smaller."""
    exposures = np.array([0.0, 10.0, 100.0, 10_000.0])
    sessions = np.stack([exposures, exposures * 0.3, exposures * 0.3, exposures * 0.3])
    found = posterior(sessions, np.zeros(4, np.int64), _prior)
    assert (np.diff(np.abs(found.mean - 0.3), axis=1) < 0).all()
    assert (np.diff(found.sd[:, 1:], axis=1) < 0).all()


def test_posterior_is_that_of_beta() -> None:
    """Mean and deviation are those of Beta(a + s, b + n - s)."""
    found = posterior(np.array([[50.0], [0.0], [5.0], [0.0]]), np.array([3]), _prior)
    a, b = 0.08 * 120 + 5, 0.92 * 120 + 45
    row = SIGNAL_KINDS.index(REWIND)
    assert found.mean[row, 0] == pytest.approx(a / (a + b))
    assert found.sd[row, 0] == pytest.approx((a * b / (a + b) ** 2 / (a + b + 1)) ** 0.5)
