"""The gate of releases."""

import numpy as np

from scoring.ranker.dataset import RankedPairs
from scoring.ranker.gate import LEAST_PAIRS, Accuracy, Comparison, compare, judge

_CLIPS, _VIDEOS = 1_000, 50
_VIDEO = np.arange(_CLIPS) // (_CLIPS // _VIDEOS)
_WORTH = np.random.default_rng(1).normal(size=_CLIPS).astype(np.float32)


def _pairs(count: int = 2_000) -> RankedPairs:
    """Return pairs of clips of one video each, in the order of worth."""
    one, other = np.random.default_rng(2).integers(0, _CLIPS // _VIDEOS, (2, count)) + np.arange(count) % _VIDEOS * (
        _CLIPS // _VIDEOS
    )
    swap = _WORTH[one] < _WORTH[other]
    return RankedPairs(np.where(swap, other, one), np.where(swap, one, other), np.full(count, 0.5)).take(one != other)


def _noisy(sd: float, seed: int = 3) -> np.ndarray:
    return (_WORTH + sd * np.random.default_rng(seed).normal(size=_CLIPS)).astype(np.float32)


def _compare(candidate: np.ndarray, current: np.ndarray | None, pairs: RankedPairs | None = None) -> Comparison:
    return compare(candidate, current, pairs or _pairs(), _VIDEO, seed=4)


def test_a_perfect_ranker_orders_every_pair() -> None:
    """Its accuracy is 1, with no doubt; a ranker that says the same of all clips has one half."""
    assert _compare(_WORTH, None).accuracy == Accuracy(1.0, 1.0, 1.0)
    assert _compare(np.zeros(_CLIPS, np.float32), None).accuracy == Accuracy(0.5, 0.5, 0.5)


def test_a_ranker_is_not_different_from_itself() -> None:
    """The difference is 0 without an interval, and nothing refuses it."""
    found = _compare(_WORTH, _WORTH)
    assert found.difference == Accuracy(0.0, 0.0, 0.0)
    assert found.refusal is None


def test_confidence_weighs_the_pairs() -> None:
    """Pairs that are twice as sure count twice."""
    pairs = _pairs()
    flipped = RankedPairs(pairs.other, pairs.preferred, 2 * pairs.confidence)
    both = RankedPairs(*(np.concatenate(parts) for parts in zip(pairs, flipped, strict=True)))
    found = _compare(_WORTH, None, both).accuracy
    assert found
    assert abs(found.mean - 1 / 3) < 1e-12


def test_the_difference_is_paired() -> None:
    """Two rankers with errors in common are told apart more surely than the accuracy of each is known."""
    current = _noisy(1.0)
    candidate = (current + 0.1 * np.random.default_rng(5).normal(size=_CLIPS)).astype(np.float32)
    found = _compare(candidate, current)
    assert found.accuracy
    assert found.difference
    assert found.difference.high - found.difference.low < (found.accuracy.high - found.accuracy.low) / 2


def test_a_worse_ranker_is_refused_with_the_figures() -> None:
    """By viewers or by labels: either is enough, and the reason names which, by how much and how surely."""
    same, worse = _compare(_WORTH, _WORTH), _compare(_noisy(1.0), _WORTH)
    for verdict, name in ((judge(worse, same), "pairs of viewers"), (judge(same, worse), "labelled clips")):
        assert not verdict.accepted
        assert name in verdict.reason
        assert f"{worse.difference.mean:.3f}" in verdict.reason
    assert judge(same, same).accepted


def test_the_first_release_has_to_beat_chance() -> None:
    """Without a current release, a ranker that says nothing is refused, one that knows something accepted."""
    nothing, something = _compare(np.zeros(_CLIPS, np.float32), None), _compare(_noisy(1.0), None)
    assert not judge(nothing, Comparison(0)).accepted
    assert judge(something, Comparison(0)).accepted


def test_few_pairs_decide_nothing() -> None:
    """Too few pairs of viewers are a refusal that says so; without labelled clips viewers alone decide."""
    few = _compare(_WORTH, None, _pairs().take(slice(LEAST_PAIRS - 1)))
    assert few == Comparison(LEAST_PAIRS - 1)
    assert "too few" in judge(few, _compare(_WORTH, None)).reason
    assert judge(_compare(_WORTH, None), few).accepted


def test_the_same_seed_gives_the_same_interval() -> None:
    """Resampling is a function of its seed."""
    assert _compare(_noisy(1.0), _WORTH) == _compare(_noisy(1.0), _WORTH)
