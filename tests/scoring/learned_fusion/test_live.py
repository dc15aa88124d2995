"""The learned fusion on a worker's columns."""

import numpy as np
import pytest

from schemas.clickhouse import SIGNAL_POINTS
from schemas.fusion import LearnedFusion
from schemas.interactions import FAST_FORWARD, PLAY, REWIND, SHARE
from scoring.fusion import Fused, Signals, fuse
from scoring.learned_fusion.live import fuse_learned, model_of, numbers_of
from scoring.learned_fusion.model import FusionModel
from scoring.rates import first_prior
from tests.scoring.learned_fusion.worlds import labelled_library, learned


@pytest.fixture(scope="module")
def model() -> FusionModel:
    """A fusion that was learned."""
    return learned()


def _fuse(model: FusionModel, signals: Signals) -> Fused:
    return fuse_learned(model, signals, first_prior())


def test_a_release_says_the_same_to_the_bit(model: FusionModel) -> None:
    """A fusion that went through JSON scores as the one that was learned."""
    signals, _ = labelled_library(500, seed=1)
    said = model_of(LearnedFusion.model_validate_json(numbers_of(model).model_dump_json()))
    for one, other in zip(_fuse(model, signals), _fuse(said, signals), strict=True):
        assert one.tobytes() == other.tobytes()


def test_a_clip_s_score_does_not_depend_on_those_beside_it(model: FusionModel) -> None:
    """A flush of one clip and one of all give the same bits."""
    signals, _ = labelled_library(100, seed=2)
    together = _fuse(model, signals)
    for clip in range(100):
        alone = _fuse(model, Signals(*(column[..., clip : clip + 1] for column in signals)))
        for one, other in zip(together, alone, strict=True):
            assert one[clip : clip + 1].tobytes() == other.tobytes()


@pytest.mark.parametrize(("kind", "sign"), [(SHARE, 1), (REWIND, 1), (FAST_FORWARD, -1)])
def test_more_sessions_of_a_kind_never_speak_the_other_way(model: FusionModel, kind: int, sign: int) -> None:
    """Shares and rewinds only raise a score, fast-forwards only lower it."""
    signals, _ = labelled_library(200, seed=3)
    worth = []
    for part in np.linspace(0, 1, 21):
        sessions = signals.sessions.copy()
        sessions[kind] = part * sessions[PLAY]
        worth.append(_fuse(model, signals._replace(sessions=sessions)).worth)
    assert (sign * np.diff(worth, axis=0) >= -1e-9).all()


def test_what_signals_add_is_the_score(model: FusionModel) -> None:
    """The labelled clips' mean and the points of all signals are the worth; a signal that is missing has none."""
    signals, _ = labelled_library(200, seed=6)
    fused = _fuse(model, signals)
    points = np.stack([getattr(fused, name) for name in SIGNAL_POINTS])
    assert np.allclose(model.mean + np.nansum(points, axis=0) + fused.celebrity_bonus, fused.worth)
    assert np.array_equal(np.isnan(points[0]), np.isnan(signals.score_mean))
    assert np.array_equal(np.isnan(points[-1]), signals.sessions[PLAY] == 0)


def test_a_missing_signal_has_no_weight(model: FusionModel) -> None:
    """Without any signal a clip has the labelled clips' mean; without behaviour there is no opinion of behaviour."""
    signals, _ = labelled_library(1, seed=4)
    nothing = np.full(1, np.nan)
    fused = _fuse(model, Signals(signals.clip_index, np.zeros((4, 1)), nothing, nothing, nothing, nothing, nothing))
    assert fused.worth == pytest.approx(model.mean)
    assert np.isnan(fused.behaviour).all()
    assert fused.supervised_weight == fused.behaviour_weight == fused.ranker_weight == fused.celebrity_bonus == 0


def test_it_is_nearer_to_labels_than_the_built_in_fusion(model: FusionModel) -> None:
    """On clips that it has not learned from, whose rates are other than the built-in fusion assumes."""
    signals, label = labelled_library(2_000, seed=5)
    learned, built_in = (np.square(f.score - label).mean() for f in (_fuse(model, signals), fuse(signals, first_prior())))
    assert learned < built_in
