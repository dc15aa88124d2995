"""Weak pairs: which are built, and how sure they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc

from schemas.interactions import FAST_FORWARD, PLAY, REWIND, SHARE
from scoring.evaluation.calibration import expected_calibration_error
from scoring.pairs.build import NO_CATEGORY, SAME_CATEGORY, SAME_VIDEO, ClipStatistics, PairRules, Pairs, build_pairs
from scoring.pairs.confidence import confidence_of, probability_above, probability_right, worth_by
from scoring.rates import POSITION_BINS, SIGNAL_KINDS, RatePrior

_PRIOR = RatePrior(np.tile(np.array([0.1, 0.2, 0.2])[:, None], (1, POSITION_BINS)), np.array([20.0, 30.0, 30.0]), 0)


def _library(seed: int, clips: int, videos: int = 40, categories: int = 4) -> ClipStatistics:
    """Return a library whose true rates are drawn from the prior."""
    draw = np.random.default_rng(seed)
    video = np.sort(draw.integers(0, videos, clips)).astype(np.uint64)
    clip_index = np.arange(clips) - np.searchsorted(video, video)
    counts = np.zeros((4, clips), np.uint32)
    counts[PLAY] = draw.integers(0, 200, clips)
    for row, kind in enumerate(SIGNAL_KINDS):
        mean, strength = _PRIOR.mean[row, 0], _PRIOR.strength[row]
        counts[kind] = draw.binomial(counts[PLAY], draw.beta(mean * strength, (1 - mean) * strength, clips))
    return ClipStatistics(video, (video % np.uint64(categories)).astype(np.int64) - 1, clip_index, counts)


def _take(clips: ClipStatistics, order: np.ndarray) -> ClipStatistics:
    return ClipStatistics(*(column[..., order] for column in clips))


def _named(clips: ClipStatistics, pairs: Pairs) -> bytes:
    """Return the pairs by the names of their clips, and everything else about them."""
    names = [column[rows] for rows in (pairs.preferred, pairs.other) for column in (clips.video, clips.clip_index)]
    return b"".join(column.tobytes() for column in (*names, *pairs[2:]))


@given(st.integers(0, 2**32), st.integers(0, 400))
def test_same_clips_give_the_same_pairs_in_any_order(seed: int, count: int) -> None:
    """A state that was recovered holds its clips in another order, and gives the same pairs, byte for byte."""
    clips = _library(seed, count)
    shuffled = _take(clips, np.random.default_rng(seed).permutation(count))
    assert _named(clips, build_pairs(clips, _PRIOR)) == _named(shuffled, build_pairs(shuffled, _PRIOR))


@given(st.integers(0, 2**32), st.integers(0, 400), st.integers(4, 40))
def test_no_clip_is_in_more_pairs_than_allowed(seed: int, count: int, allowed: int) -> None:
    """The bound holds for each kind, both sides counted."""
    pairs = build_pairs(_library(seed, count, videos=3), _PRIOR, PairRules(pairs_per_clip=allowed))
    for kind in SIGNAL_KINDS:
        ends = np.concatenate([pairs.preferred[pairs.kind == kind], pairs.other[pairs.kind == kind]])
        assert np.bincount(ends, minlength=1).max() <= allowed


@given(st.integers(0, 2**32))
def test_only_clips_that_could_be_compared_are(seed: int) -> None:
    """Both clips are of one video, or of two videos of one known category."""
    clips = _library(seed, 300)
    pairs = build_pairs(clips, _PRIOR)
    within = pairs.scope == SAME_VIDEO
    np.testing.assert_array_equal(clips.video[pairs.preferred] == clips.video[pairs.other], within)
    across = pairs.scope == SAME_CATEGORY
    np.testing.assert_array_equal(clips.category[pairs.preferred[across]], clips.category[pairs.other[across]])
    assert (clips.category[pairs.preferred[across]] != NO_CATEGORY).all()


def test_no_pair_is_built_twice() -> None:
    """A kind says one thing of two clips."""
    pairs = build_pairs(_library(1, 2_000), _PRIOR)
    ends = np.sort(np.stack([pairs.preferred, pairs.other]), axis=0)
    assert len(np.unique(np.vstack([ends, pairs.kind]), axis=1).T) == len(pairs.preferred)


def test_a_clip_that_few_saw_is_in_no_pair() -> None:
    """That nobody shared what nobody saw says nothing about it."""
    clips = _library(2, 500)
    pairs = build_pairs(clips, _PRIOR, PairRules(least_exposures=30))
    assert pairs.preferred_counts[0].min() >= 30
    assert pairs.other_counts[0].min() >= 30


def test_fast_forward_speaks_against_a_clip() -> None:
    """Of two clips the one that is skipped more often is the worse, by that kind alone."""
    counts = np.zeros((4, 2), np.uint32)
    counts[PLAY] = 100
    counts[:, 0] += np.array([0, 30, 30, 50], np.uint32)
    clips = ClipStatistics(np.zeros(2, np.uint64), np.zeros(2, np.int64), np.array([8, 9]), counts)
    pairs = build_pairs(clips, _PRIOR)
    preferred = dict(zip(pairs.kind.tolist(), pairs.preferred.tolist(), strict=True))
    assert preferred == {SHARE: 0, REWIND: 0, FAST_FORWARD: 1}


def test_position_is_accounted_for() -> None:
    """A clip with a lower rate is preferred where lower rates are usual."""
    mean = _PRIOR.mean.copy()
    mean[0, 0] = 0.4
    counts = np.zeros((4, 2), np.uint32)
    counts[PLAY], counts[SHARE] = 200, (70, 40)
    clips = ClipStatistics(np.zeros(2, np.uint64), np.zeros(2, np.int64), np.array([0, 5]), counts)
    pairs = build_pairs(clips, _PRIOR._replace(mean=mean), PairRules(kinds=(SHARE,)))
    assert pairs.preferred.tolist() == [1]


@given(st.floats(1e-4, 0.9), st.floats(2.0, 1e4), st.integers(0, 8_639))
def test_a_clip_that_nobody_saw_is_worth_the_same_everywhere(usual: float, strength: float, clip: int) -> None:
    """Whatever is usual at its position: as much as is usual, and one usual standard deviation unsure."""
    prior = RatePrior(np.full((3, POSITION_BINS), usual), np.full(3, strength), 0)
    for kind in SIGNAL_KINDS:
        worth = worth_by(kind, np.zeros((4, 1), np.uint32), np.array([clip]), prior)
        assert (worth.mean[0], worth.variance[0]) == (0, 1)


@pytest.mark.parametrize("exposures", [10, 20, 50])
@pytest.mark.parametrize("usual", [(0.01, 0.10), (0.02, 0.4), (0.05, 0.05)])
def test_no_position_is_preferred(usual: tuple[float, float], exposures: int) -> None:
    """Of two clips with rates out of their positions' priors neither is preferred, and the confidence is calibrated.

    The better of the two is the one that stands higher among the rates of its own position.
    """
    draw, strength, pairs = np.random.default_rng(exposures), 50.0, 20_000
    mean = np.repeat(usual, pairs)
    rates = draw.beta(mean * strength, (1 - mean) * strength)
    standing = betainc(mean * strength, (1 - mean) * strength, rates)
    counts = np.zeros((4, 2 * pairs), np.uint32)
    counts[PLAY], counts[SHARE] = exposures, draw.binomial(exposures, rates)
    prior = RatePrior(np.full((3, POSITION_BINS), usual[0]), np.full(3, strength), 0)
    prior.mean[:, 4] = usual[1]
    worth = worth_by(SHARE, counts, np.repeat([0, 8], pairs), prior)
    first, second = np.arange(pairs), np.arange(pairs, 2 * pairs)
    above = probability_above(worth, second, first)
    assert above.mean() == pytest.approx(0.5, abs=0.02)
    right = (above > 0.5) == (standing[second] > standing[first])
    assert expected_calibration_error(probability_right(confidence_of(above)), right) < 0.02


@given(st.integers(0, 2**32))
def test_confidence_grows_with_evidence(seed: int) -> None:
    """Ten times the sessions at the same two rates make a pair surer, never less sure."""
    few = np.random.default_rng(seed).integers(0, 20, (4, 2)).astype(np.uint32)
    few[PLAY] = 20
    rows = np.zeros(1, np.int64), np.ones(1, np.int64)
    less, more = (worth_by(SHARE, counts, np.array([4, 5]), _PRIOR) for counts in (few, 10 * few))
    assert abs(probability_above(more, *rows) - 0.5) >= abs(probability_above(less, *rows) - 0.5) - 1e-12


def test_probability_is_that_of_two_beta_rates() -> None:
    """Within two points of a million draws from the two posteriors, for few sessions as for many."""
    draw = np.random.default_rng(5)
    for exposures, shares in [((5, 5), (0, 2)), ((5, 200), (1, 10)), ((60, 40), (3, 6)), ((1_000, 900), (100, 110))]:
        counts = np.zeros((4, 2), np.uint32)
        counts[PLAY], counts[SHARE] = exposures, shares
        found = probability_above(worth_by(SHARE, counts, np.array([4, 5]), _PRIOR), np.array([0]), np.array([1]))
        rates = draw.beta(2 + counts[SHARE], 18 + counts[PLAY] - counts[SHARE], (1_000_000, 2))
        assert found[0] == pytest.approx((rates[:, 0] > rates[:, 1]).mean(), abs=0.02)


def test_confidence_is_calibrated_where_the_prior_is_right() -> None:
    """The share of pairs the right way round is what the confidence says: expected calibration error below two points."""
    draw = np.random.default_rng(6)
    rates = draw.beta(2, 18, 30_000)
    counts = np.zeros((4, len(rates)), np.uint32)
    counts[PLAY] = draw.integers(5, 200, len(rates))
    counts[SHARE] = draw.binomial(counts[PLAY], rates)
    one_video = np.zeros(len(rates), np.uint64)
    clips = ClipStatistics(one_video, np.full(len(rates), NO_CATEGORY), np.arange(64, 64 + len(rates)), counts)
    pairs = build_pairs(clips, _PRIOR, PairRules(kinds=(SHARE,), least_confidence=0.0, pairs_per_clip=100))
    right = rates[pairs.preferred] > rates[pairs.other]
    assert expected_calibration_error(probability_right(pairs.confidence), right) < 0.02


def test_hard_and_easy_pairs_are_both_built() -> None:
    """Pairs of every kind of certainty are there: a tenth of them below 0.5, a tenth above 0.9."""
    confidence = build_pairs(_library(7, 5_000), _PRIOR).confidence
    assert (confidence < 0.5).mean() > 0.1
    assert (confidence > 0.9).mean() > 0.1


def test_too_small_a_bound_is_refused() -> None:
    """A bound that leaves no pair for a scope is a mistake, and says so."""
    with pytest.raises(ValueError, match="pairs_per_clip = 3"):
        build_pairs(_library(1, 10), _PRIOR, PairRules(pairs_per_clip=3))
