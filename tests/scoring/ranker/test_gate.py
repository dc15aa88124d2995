"""The gate of releases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.ranker.dataset import RankedPairs
from scoring.ranker.gate import LEAST_PAIRS, LEAST_VIDEOS, Accuracy, Comparison, compare, judge

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
    assert (few.pairs, few.accuracy, few.refusal) == (LEAST_PAIRS - 1, None, None)
    assert _compare(_WORTH, None, _pairs(0)) == Comparison(0)
    assert "too few" in judge(few, _compare(_WORTH, None)).reason
    assert judge(_compare(_WORTH, None), few).accepted


@pytest.mark.parametrize("videos", [1, LEAST_VIDEOS - 1])
@pytest.mark.parametrize("current", [None, _noisy(1.0)])
def test_few_videos_decide_nothing(videos: int, current: np.ndarray | None) -> None:
    """However many pairs and however right: too few videos of viewers are a refusal that says so, of labels they say nothing."""
    pairs = _pairs(5_000)
    few = _compare(_WORTH, current, pairs.take(_VIDEO[pairs.preferred] < videos))
    assert (few.videos, few.accuracy) == (videos, Accuracy(1.0, 0.0, 1.0))
    assert f"{videos} of the {LEAST_VIDEOS} videos" in judge(few, _compare(_WORTH, current)).reason
    assert not judge(few, _compare(_WORTH, current)).accepted
    assert judge(_compare(_WORTH, current), few).accepted


def test_as_many_videos_as_are_needed_can_decide() -> None:
    """Three videos that agree make a first release."""
    pairs = _pairs(5_000)
    enough = _compare(_noisy(0.3), None, pairs.take(_VIDEO[pairs.preferred] < LEAST_VIDEOS))
    assert judge(enough, Comparison(0)).accepted


@given(st.sampled_from([np.nan, np.inf, -np.inf]), st.integers(0, _CLIPS - 1), st.booleans())
@settings(deadline=None, max_examples=20)
def test_scores_that_are_no_numbers_are_refused(broken: float, clip: int, is_first: bool) -> None:
    """One clip is enough, in a pair or not, and each of the two comparisons refuses; the figures stay numbers."""
    candidate = _WORTH.copy()
    candidate[clip] = broken
    found = _compare(candidate, None if is_first else _noisy(1.0))
    verdict = judge(found, Comparison(0))
    assert not verdict.accepted
    assert "scores of 1 clips are no finite numbers" in verdict.reason
    assert found.refusal
    assert np.isfinite([found.accuracy.mean, found.accuracy.low, found.accuracy.high]).all()


def test_a_current_release_without_numbers_does_not_stand_in_the_way() -> None:
    """What it has no numbers for it orders wrongly."""
    found = _compare(_noisy(1.0), np.full(_CLIPS, np.nan, np.float32))
    assert found.difference == found.accuracy
    assert judge(found, Comparison(0)).accepted


def _of_uneven_skill(videos: int, across: bool, draw: np.random.Generator) -> Comparison:
    """Return what is found of a ranker that knows some videos' clips well and others' not, by pairs across videos or within."""
    clips, per_video = videos * 20, 20
    video, worth = np.arange(clips) // per_video, draw.normal(size=clips)
    skill = np.clip(1 + 0.8 * draw.normal(size=videos), -1, 3)
    candidate = worth * skill[video] + draw.normal(size=clips)
    one, place = draw.integers(0, clips, clips), draw.integers(0, clips, clips)
    other = place if across else video[one] * per_video + place % per_video
    swap = worth[one] < worth[other]
    pairs = RankedPairs(np.where(swap, other, one), np.where(swap, one, other), np.ones(clips)).take(one != other)
    return compare(candidate.astype(np.float32), None, pairs, video, seed=1)


@pytest.mark.parametrize(("videos", "across", "least"), [(5, False, 0.87), (5, True, 0.93), (30, False, 0.91), (30, True, 0.93)])
def test_intervals_cover_what_they_say(videos: int, across: bool, least: float) -> None:
    """Errors that a video's clips have in common are in the interval, of pairs of two videos as well, of few videos as well."""
    draw = np.random.default_rng(6)
    found = [_of_uneven_skill(videos, across, draw).accuracy for _ in range(300)]
    truth = np.mean([each.mean for each in found])
    assert np.mean([each.low <= truth <= each.high for each in found]) > least


def test_a_resample_without_a_pair_says_nothing() -> None:
    """Of three videos joined by pairs between them alone, a resample that draws one of them thrice is left out."""
    one, other = np.arange(200) % 20, 20 + np.arange(200) % 40
    swap = _WORTH[one] < _WORTH[other]
    pairs = RankedPairs(np.where(swap, other, one), np.where(swap, one, other), np.ones(200))
    assert _compare(_WORTH, None, pairs).accuracy == Accuracy(1.0, 1.0, 1.0)


def test_the_same_seed_gives_the_same_interval() -> None:
    """Resampling is a function of its seed."""
    assert _compare(_noisy(1.0), _WORTH) == _compare(_noisy(1.0), _WORTH)
