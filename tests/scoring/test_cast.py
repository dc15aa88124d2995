"""The importance of the people in clips."""

import pytest

from scoring.cast import Appearance, clip_importance


def test_a_range_counts_by_its_share_of_each_clip() -> None:
    """From 5 to 30 s: half of the first clip, all of the next two."""
    assert clip_importance([Appearance("a", 0.8, 5.0, 30.0)]) == pytest.approx({0: 0.4, 1: 0.8, 2: 0.8})


def test_several_people_combine_by_noisy_or() -> None:
    """What one lacks to certainty, the other fills by his share."""
    both = [Appearance("a", 0.5, 0.0, 10.0), Appearance("b", 0.8, 0.0, 10.0)]
    assert clip_importance(both) == pytest.approx({0: 0.9})


def test_a_person_twice_in_a_clip_is_one_person() -> None:
    """Overlapping times fill the clip at most, with the higher importance."""
    twice = [Appearance("a", 0.5, 0.0, 8.0), Appearance("a", 0.6, 4.0, 10.0)]
    assert clip_importance(twice) == pytest.approx({0: 0.6})
