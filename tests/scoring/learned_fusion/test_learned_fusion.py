"""The learned fusion: laws that hold whatever is learned."""

import numpy as np
import pytest

from scoring.learned_fusion.fit import fit_fusion
from scoring.learned_fusion.lesson import Lesson, lesson_of
from scoring.learned_fusion.live import SIGNALS, signal_table
from scoring.learned_fusion.model import FusionModel, SignalTable
from scoring.rates import first_prior
from tests.scoring.learned_fusion.worlds import labelled_library, library_lesson

_NAMES = ("good", "noisy", "backwards", "silent")


def _world(clips: int, seed: int) -> tuple[SignalTable, np.ndarray]:
    """Return labels, a good and a noisy signal that share an error, one that is the wrong way round, and one without a value."""
    rng = np.random.default_rng(seed)
    label = np.clip(rng.normal(5, 2, clips), 0, 10)
    shared = rng.normal(0, 0.7, clips)
    value = np.stack(
        [label + shared + rng.normal(0, 0.5, clips), label + shared + rng.normal(0, 3, clips), -label, np.full(clips, np.nan)]
    )
    value[:2][rng.random((2, clips)) < 0.2] = np.nan
    return SignalTable(value, np.zeros_like(value)), label


def _lesson(clips: int, seed: int) -> Lesson:
    """Return what the labels of such a world of videos of ten clips teach."""
    return lesson_of(*_world(clips, seed), np.arange(clips) // 10)


@pytest.fixture(scope="module")
def model() -> FusionModel:
    """A fusion of 2,000 labelled clips."""
    return fit_fusion(_lesson(2_000, seed=0), _NAMES)


def test_the_score_nowhere_falls_when_a_signal_rises(model: FusionModel) -> None:
    """Each signal from its lowest to its highest value, the others as they are."""
    signals, _ = _world(50, seed=1)
    for row in range(len(_NAMES)):
        moved = [signals.value.copy() for _ in range(41)]
        for values, value in zip(moved, np.linspace(-20, 20, 41), strict=True):
            values[row] = value
        worth = np.stack([model.fuse(signals._replace(value=values)).worth for values in moved])
        assert (np.diff(worth, axis=0) >= -1e-9).all()


def test_parts_add_up_to_the_worth(model: FusionModel) -> None:
    """So that a score can be explained; a signal that is missing adds nothing."""
    signals, _ = _world(200, seed=1)
    fused = model.fuse(signals)
    assert np.allclose(model.mean + fused.parts.sum(axis=0), fused.worth)
    assert not fused.parts[np.isnan(signals.value)].any()


def test_without_signals_the_library_speaks(model: FusionModel) -> None:
    """The score is the labels' mean, and the interval holds nine tenths of them."""
    _, label = _world(5_000, seed=2)
    fused = model.fuse(SignalTable(np.full((4, 1), np.nan), np.zeros((4, 1))))
    assert fused.score[0] == pytest.approx(model.mean)
    assert ((fused.low <= label) & (label <= fused.high)).mean() == pytest.approx(0.9, abs=0.06)


def test_intervals_hold_as_many_labels_as_they_say(model: FusionModel) -> None:
    """Though the two signals share an error, which a product of Gaussians would not know."""
    signals, label = _world(5_000, seed=2)
    fused = model.fuse(signals)
    assert ((fused.low <= label) & (label <= fused.high)).mean() == pytest.approx(0.9, abs=0.03)


def test_the_fusion_is_nearer_to_the_labels_than_each_signal(model: FusionModel) -> None:
    """On clips that it has not learned from; a signal that is the wrong way round does no harm."""
    signals, label = _world(5_000, seed=2)
    fused = np.square(model.fuse(signals).score - label).mean()
    lesson = _lesson(2_000, seed=0)
    for row in (0, 1, 2):
        alone = fit_fusion(lesson.only([row, 3]), ("one", "silent"))
        assert fused <= np.square(alone.fuse(signals.only([row, 3])).score - label).mean()


@pytest.mark.parametrize("clips", [40, 100])
def test_intervals_of_few_labels_hold_as_many_of_others(clips: int) -> None:
    """On average over libraries: a fusion fits the labels that it was learned from more closely than any others."""
    held = []
    for seed in range(8):
        signals, label = labelled_library(1_000, seed=1_000 + seed)
        fused = fit_fusion(library_lesson(clips, seed), SIGNALS).fuse(signal_table(signals, first_prior()))
        held.append(((fused.low <= label) & (label <= fused.high)).mean())
    assert 0.87 <= np.mean(held) <= 0.95


def test_a_signal_is_not_trusted_for_what_it_knows_by_heart() -> None:
    """On nine tenths of the videos it repeats the labels, on the others it says nothing of them: these alone tell its worth."""
    rng = np.random.default_rng(0)
    label, video = rng.uniform(0, 10, 1_000), np.arange(1_000) // 10
    by_heart = np.stack([video % 10 > 0, np.zeros(1_000, np.bool_)])
    value = np.stack([np.where(by_heart[0], label, rng.uniform(0, 10, 1_000)), label + rng.normal(0, 2, 1_000)])
    signals = SignalTable(value, np.zeros_like(value))
    lesson = lesson_of(signals, label, video, by_heart)
    assert lesson.whole.sum() == 100
    weight = fit_fusion(lesson, ("by heart", "honest")).weights(signals).mean(axis=1)
    assert weight[0] < 0.1
    assert weight[1] > 0.5


def test_too_few_labels_are_refused() -> None:
    """With the number there is and the number that is needed."""
    with pytest.raises(ValueError, match="29 labelled clips: 30 are needed"):
        fit_fusion(_lesson(29, seed=0), _NAMES)


def test_labels_of_one_video_are_refused() -> None:
    """How far a fusion can be trusted on other videos, one alone does not tell."""
    with pytest.raises(ValueError, match="at least two videos"):
        fit_fusion(_lesson(100, seed=0)._replace(video=np.zeros(100, np.int64)), _NAMES)
