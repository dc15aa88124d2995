"""People whose own score curves are known."""

import numpy as np
import pytest

from schemas.errors import ConfigurationError
from schemas.interactions import FAST_FORWARD, PLAY, REWIND, SHARE
from scoring.simulation.curves import CurveViewers, ScoreCurve, felt_of, simulate_curves
from scoring.simulation.interactions import InteractionBatch, render_json

_CELL_MS = 2_000
_CELLS = 150


def _steps() -> ScoreCurve:
    """Return 5 minutes: dull from 60 s to 120 s, a highlight from 200 s to 230 s."""
    scores = np.full(_CELLS, 3.0)
    scores[30:60] = 1.0
    scores[100:115] = 5.0
    return ScoreCurve(video=0, length_ms=_CELLS * _CELL_MS, scores=scores)


def _behaviour(start_ms: int, batch_size: int = 10**6) -> list[InteractionBatch]:
    viewers = CurveViewers([_steps()], _CELL_MS, extra_viewers_per_curve=2_999)
    return list(simulate_curves(viewers, start_ms, 3_600_000, np.random.SeedSequence(11), batch_size))


def _share_within(behaviour: InteractionBatch, kind: int, low_s: int, high_s: int) -> float:
    """Return the share of the interactions of a kind whose middle (a rewind: whose goal) lies in a part of the video."""
    rows = behaviour.kind == kind
    start = behaviour.to_ms if kind == REWIND else behaviour.from_ms
    middle = (start[rows] + behaviour.to_ms[rows]) / 2
    return float(np.mean((middle >= low_s * 1000) & (middle <= high_s * 1000)))


@pytest.fixture(scope="module")
def steps(start_ms: int) -> InteractionBatch:
    """Return what the person of that curve and 2,999 others around them do."""
    (batch,) = _behaviour(start_ms)
    return batch


def test_people_share_their_highlight(steps: InteractionBatch) -> None:
    """Most shares lie in the tenth of the video that is liked best."""
    assert _share_within(steps, SHARE, 195, 235) > 0.6


def test_people_rewind_to_their_highlight(steps: InteractionBatch) -> None:
    """Most rewinds land in the tenth of the video that is liked best."""
    assert _share_within(steps, REWIND, 195, 235) > 0.5


def test_people_skip_what_is_dull(steps: InteractionBatch) -> None:
    """Most seeks forward jump over the fifth of the video that is liked least."""
    assert _share_within(steps, FAST_FORWARD, 55, 125) > 0.6


def test_each_person_watches_once(steps: InteractionBatch) -> None:
    """There are as many sessions as people, each of a viewer of its own, and all of them play."""
    assert len(np.unique(steps.session)) == len(np.unique(steps.viewer)) == 3_000
    assert len(np.unique(steps.session[steps.kind == PLAY])) == 3_000


def test_batch_size_changes_nothing(steps: InteractionBatch, start_ms: int) -> None:
    """The same seed gives the same messages, whatever the batches."""
    cut = [message for batch in _behaviour(start_ms, 777) for message in render_json(batch, ("v",))]
    assert cut == render_json(steps, ("v",))


def test_a_feeling_is_a_rank() -> None:
    """The scale of a curve does not matter, its order does; equals share their ranks."""
    scores = np.array([1.0, 1.0, 2.0, 5.0])
    np.testing.assert_allclose(felt_of(scores), [2.5, 2.5, 6.25, 8.75])
    np.testing.assert_array_equal(felt_of(scores), felt_of(10 * scores - 3))


@pytest.mark.parametrize("scores", [np.ones(3), np.full(_CELLS, np.nan)])
def test_a_curve_must_cover_its_video(scores: np.ndarray) -> None:
    """A curve with too few cells, or without numbers, is refused."""
    with pytest.raises(ConfigurationError, match="curve 0"):
        CurveViewers([ScoreCurve(0, _CELLS * _CELL_MS, scores)], _CELL_MS)


def test_curves_are_needed() -> None:
    """No curves are refused."""
    with pytest.raises(ConfigurationError, match="curves"):
        CurveViewers([], _CELL_MS)


def test_a_negative_number_of_people_is_refused() -> None:
    """The error names the field."""
    with pytest.raises(ConfigurationError, match="extra_viewers_per_curve = -1"):
        CurveViewers([_steps()], _CELL_MS, -1)
