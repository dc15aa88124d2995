"""Clips with labels and signals."""

import numpy as np

from scoring.evaluation.signalled import SignalledClips


def test_neighbours_are_those_of_the_same_list() -> None:
    """The clips before and after, signal by signal; beyond the ends of a list nothing is known."""
    listed = np.array([0, 0, 0, 1])
    clips = SignalledClips("made", ("one",), np.array([[1.0, 2.0, 3.0, 4.0]]), np.zeros(4), listed, listed, 2).with_neighbours(1)
    assert clips.signals == ("one", "one -1", "one +1")
    nan = np.nan
    assert np.array_equal(clips.value, [[1, 2, 3, 4], [nan, 1, 2, nan], [2, 3, nan, nan]], equal_nan=True)
