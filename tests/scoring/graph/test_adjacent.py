"""Neighbours in time."""

import numpy as np

from scoring.graph.adjacent import adjacent_clips


def test_a_clip_knows_the_next_and_the_one_after() -> None:
    """In whatever order clips come: the next has weight 1, the one after 1/2, across a gap only if it is so near."""
    video, clip_index = np.array([0, 1, 0, 0, 1, 0]), np.array([5, 6, 4, 2, 7, 9])
    graph = adjacent_clips(video, clip_index).toarray()
    expected = np.zeros((6, 6))
    for one, other, weight in ((2, 0, 1.0), (3, 2, 0.5), (1, 4, 1.0)):
        expected[one, other] = expected[other, one] = weight
    np.testing.assert_array_equal(graph, expected)


def test_a_library_of_one_clip_has_no_neighbours() -> None:
    """One clip, and none, are a graph without edges."""
    for clips in (0, 1):
        found = adjacent_clips(np.zeros(clips, np.int64), np.zeros(clips, np.int64))
        assert found.shape == (clips, clips)
        assert found.nnz == 0
