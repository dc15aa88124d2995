"""The gate of fusions."""

import numpy as np
from numpy.typing import NDArray

from scoring.learned_fusion.gate import BUILT_IN_FUSION, FusionVerdict, judge_fusion
from scoring.ranker.annotated import annotated_pairs

_VIDEOS, _CLIPS = 40, 12
_RNG = np.random.default_rng(0)
_VIDEO = np.repeat(np.arange(_VIDEOS), _CLIPS)
_LABEL = _RNG.uniform(0, 10, _VIDEOS * _CLIPS)
_PAIRS = annotated_pairs(_LABEL.astype(np.float32), _VIDEO, 4)


def _noisy(sd: float) -> NDArray[np.float64]:
    noisy: NDArray[np.float64] = _LABEL + _RNG.normal(0, sd, len(_LABEL))
    return noisy


_GOOD, _FAIR, _POOR = _noisy(0.5), _noisy(3), _noisy(9)


def _judged(candidate: NDArray[np.float64], built_in: NDArray[np.float64], single: NDArray[np.float64]) -> FusionVerdict:
    return judge_fusion(candidate, built_in, {"ranker": single, "celebrity": _POOR}, _PAIRS, _VIDEO, seed=0)


def test_a_fusion_that_is_better_than_both_is_accepted() -> None:
    """It says by how much, beside the built-in fusion and the best signal alone."""
    verdict = _judged(_GOOD, _FAIR, _FAIR)
    assert verdict.accepted
    assert set(verdict.baselines) == {BUILT_IN_FUSION, "ranker alone"}
    assert "ranker alone +" in verdict.reason


def test_a_fusion_that_is_worse_than_the_built_in_is_refused() -> None:
    """Though it beats every single signal."""
    verdict = _judged(_FAIR, _GOOD, _POOR)
    assert not verdict.accepted
    assert verdict.reason.startswith(f"worse than {BUILT_IN_FUSION} by -")


def test_a_fusion_that_a_part_of_it_beats_is_refused() -> None:
    """Though it beats the built-in fusion."""
    verdict = _judged(_FAIR, _POOR, _GOOD)
    assert not verdict.accepted
    assert verdict.reason.startswith("worse than ranker alone by -")


def test_too_few_held_out_pairs_are_no_verdict() -> None:
    """What cannot be judged is refused."""
    few = _PAIRS.take(np.arange(len(_PAIRS.preferred)) < 10)
    verdict = judge_fusion(_GOOD, _FAIR, {"ranker": _FAIR}, few, _VIDEO, seed=0)
    assert not verdict.accepted
    assert verdict.reason.startswith("10 held-out pairs of labelled clips of 1 videos are too few: 50 of 3 videos are needed")


def test_two_held_out_videos_are_no_verdict() -> None:
    """However many clips of theirs are labelled: two that agree are nothing rare."""
    of_two = _PAIRS.take(_VIDEO[_PAIRS.preferred] < 2)
    verdict = judge_fusion(_GOOD, _FAIR, {"ranker": _FAIR}, of_two, _VIDEO, seed=0)
    assert len(of_two.preferred) >= 50
    assert not verdict.accepted
    assert "of 2 videos are too few" in verdict.reason
