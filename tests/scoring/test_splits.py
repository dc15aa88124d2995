"""Sides of videos."""

import numpy as np

from scoring.splits import Split, split_of


def test_the_side_of_a_video_hangs_on_its_name_alone() -> None:
    """Whatever the order and the company, a video is on the same side; these three are, for good."""
    names = [f"v{number}" for number in range(500)]
    sides = dict(zip(names, split_of(names).tolist(), strict=True))
    assert split_of(names[::-7]).tolist() == [sides[name] for name in names[::-7]]
    assert [Split(sides[name]).name for name in ("v0", "v1", "v2")] == ["TEST", "VALIDATION", "TRAIN"]


def test_eight_tenths_are_learned_from() -> None:
    """Of many videos 80, 10 and 10 % are on the three sides."""
    counts = np.bincount(split_of([f"film-{number}" for number in range(20_000)]), minlength=3)
    assert (abs(counts / 20_000 - [0.8, 0.1, 0.1]) < 0.01).all()


def test_no_videos_have_no_sides() -> None:
    """An empty library has an empty split."""
    assert split_of([]).tolist() == []
