"""The scale of a ranker's worth."""

import numpy as np
import pytest

from scoring.ranker.calibrate import scale_by

_RNG = np.random.default_rng(7)


def _opinions(worth: np.ndarray, video_sd: float = 0.0, videos: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return opinions about the line 4 + 1.5 worth with a misfit of 1.2, their precision, and videos."""
    count = len(worth)
    precision, video = 1 / _RNG.uniform(1, 9, count), np.arange(count) % videos
    noise = 1.2 * _RNG.normal(size=count) + _RNG.normal(size=count) / np.sqrt(precision)
    return 4 + 1.5 * worth + noise + video_sd * _RNG.normal(size=videos)[video], precision, video


def test_line_and_spread_are_found_through_noise_of_known_size() -> None:
    """Opinions of differing precision about a line with a misfit give the line and the misfit back."""
    worth = _RNG.normal(size=20_000)
    scale = scale_by(worth, *_opinions(worth))
    assert scale
    assert (scale.offset, scale.slope, scale.sd) == pytest.approx((4, 1.5, 1.2), abs=0.1)


def test_the_error_of_the_slope_is_that_of_videos_not_of_clips() -> None:
    """Where a video's clips have worth and error in common, slopes of many libraries scatter as widely as the error says."""
    found = []
    for _ in range(200):
        worth = np.tile(_RNG.normal(size=20), 50)
        scale = scale_by(worth, *_opinions(worth, video_sd=1.0, videos=20))
        assert scale
        found.append((scale.slope, scale.slope_error))
    slopes, errors = np.array(found).T
    assert slopes.std() == pytest.approx(errors.mean(), rel=0.25)


def test_a_perfect_ranker_still_has_a_spread() -> None:
    """The spread does not fall below half a point, however well few clips fit."""
    worth = np.linspace(-1, 1, 100)
    scale = scale_by(worth, 5 + worth, np.full(100, 1e6), np.arange(100))
    assert scale
    assert scale.sd == 0.5


def test_a_ranker_that_knows_nothing_is_silent() -> None:
    """Worth that has nothing to do with opinions, or points the wrong way, has no scale."""
    worth = _RNG.normal(size=2_000)
    opinion, precision, video = _opinions(np.zeros(2_000))
    assert scale_by(-worth, opinion + worth, precision, video) is None
    silent = sum(scale_by(_RNG.normal(size=2_000), opinion, precision, video) is None for _ in range(100))
    assert silent >= 85


def test_few_videos_seldom_make_a_scale_by_chance() -> None:
    """Four videos, alike within and told apart by chance only, speak up no more often than the one time in twenty allowed."""
    spoke = 0
    for _ in range(1_000):
        worth = np.tile(_RNG.normal(size=4), 25)
        _, precision, video = _opinions(worth, videos=4)
        opinion = 5 + _RNG.normal(size=4)[video] + 0.3 * _RNG.normal(size=100)
        spoke += scale_by(worth, opinion, precision, video) is not None
    assert spoke < 55


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_worth_that_is_no_number_is_silence(broken: float) -> None:
    """One clip without a finite worth is enough: a ranker that makes such has no scale."""
    worth = _RNG.normal(size=2_000)
    opinion, precision, video = _opinions(worth)
    worth[7] = broken
    assert scale_by(worth, opinion, precision, video) is None


@pytest.mark.parametrize("worth", [np.zeros(0), np.linspace(-1, 1, 2), np.zeros(100)])
def test_too_little_to_tell_is_silence(worth: np.ndarray) -> None:
    """Two videos, or clips that are all alike, have no scale."""
    assert scale_by(worth, worth + 9, np.ones(len(worth)), np.arange(len(worth))) is None
