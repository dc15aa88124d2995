"""The report of a learned fusion."""

import numpy as np

from scoring.evaluation.fusion import FUSED, Judged, report_of
from scoring.evaluation.signalled import SignalledClips

_CLIPS = 20
"""Of a video."""


def _judged(right: np.ndarray) -> Judged:
    twice = np.stack([right, right])
    return Judged(twice, np.ones_like(twice), np.array([0.5, 0.5]))


def _advantage(videos_won: int, videos: int) -> tuple[float, float, float]:
    """Return difference, low and high where the fusion is right on all clips of some videos, and the signal on none."""
    video = np.repeat(np.arange(videos), _CLIPS)
    count = len(video)
    clips = SignalledClips("made", ("one",), np.zeros((1, count)), np.zeros(count), video, video, 10)
    judged = {"one": _judged(np.zeros(count, bool)), FUSED: _judged(video < videos_won)}
    found = next(row.advantage for row in report_of([(clips, judged)], 2).rows if row.method == FUSED and row.advantage)
    assert found.difference.low is not None
    assert found.difference.high is not None
    return found.difference.mean, found.difference.low, found.difference.high


def test_the_interval_knows_that_the_clips_of_a_video_go_together() -> None:
    """A gain on half of 10 videos is as sure as 10 throws of a coin, however many clips they have and though seeds agree."""
    mean, low, high = _advantage(5, 10)
    half = 1.96 * 100 * np.sqrt(0.25 / 10)
    assert mean == 50
    assert abs(low - (50 - half)) < 12
    assert abs(high - (50 + half)) < 12


def test_a_gain_on_every_video_is_certain() -> None:
    """Where all videos gain the same, no other videos of their kind would make it less."""
    assert _advantage(10, 10) == (100, 100, 100)
