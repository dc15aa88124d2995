"""The graph of clips: votes of sessions, neighbours in features, and both in one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from scoring.graph.combine import combine, rows_to_one, strongest
from scoring.graph.neighbours import feature_similarity
from scoring.graph.sessions import LONGEST_SESSION, co_session_votes, similarity_of
from scoring.graph.structure import graph_structure

_CLIPS = 30


def _sessions(seed: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    held = draw.random((count, _CLIPS)) < 0.2
    session, clip = np.nonzero(held)
    return session, clip, draw.uniform(0.5, 2.0, len(session)).astype(np.float32)


@given(st.integers(0, 2**32), st.integers(0, 40))
def test_votes_are_those_of_the_definition(seed: int, count: int) -> None:
    """The product of weights over the session's other clips, summed over sessions, whatever the order of the rows."""
    session, clip, weight = _sessions(seed, count)
    expected = np.zeros((_CLIPS, _CLIPS))
    for one in np.unique(session):
        rows = session == one
        clips, weights = clip[rows], weight[rows]
        expected[np.ix_(clips, clips)] += np.outer(weights, weights) / max(len(clips) - 1, 1)
    np.fill_diagonal(expected, 0)
    order = np.random.default_rng(seed).permutation(len(session))
    votes = co_session_votes(session[order] * 7, clip[order], weight[order], _CLIPS)
    np.testing.assert_allclose(votes.toarray(), expected, rtol=1e-4, atol=1e-6)


@given(st.integers(0, 2**32))
def test_votes_of_new_sessions_add_to_those_there_are(seed: int) -> None:
    """Votes of all sessions are the votes of the old plus the votes of the new: nothing is counted anew."""
    session, clip, weight = _sessions(seed, 30)
    old = session < 20
    whole = co_session_votes(session, clip, weight, _CLIPS)
    parts = [co_session_votes(session[part], clip[part], weight[part], _CLIPS) for part in (old, ~old)]
    np.testing.assert_allclose((parts[0] + parts[1]).toarray(), whole.toarray(), rtol=1e-4, atol=1e-6)


def test_an_endless_session_is_cut() -> None:
    """A session of more clips than the limit votes for those of most weight alone."""
    clips = LONGEST_SESSION + 50
    weight = np.ones(clips, np.float32)
    weight[:50] = 0.5
    votes = co_session_votes(np.zeros(clips, np.int64), np.arange(clips), weight, clips)
    assert not votes[:50].nnz
    assert votes[50:].nnz == LONGEST_SESSION * (LONGEST_SESSION - 1)


def test_similarity_takes_popularity_out() -> None:
    """Of two clips that are seen with a third equally often, the one that is seen with everything is less like it."""
    votes = np.zeros((5, 5), np.float32)
    for one, other, count in [(0, 1, 4), (0, 2, 4), (2, 3, 50), (2, 4, 50)]:
        votes[one, other] = votes[other, one] = count
    similarity = similarity_of(csr_array(votes)).toarray()
    assert similarity[0, 1] > similarity[0, 2]
    np.testing.assert_allclose(similarity, similarity.T)


@pytest.mark.parametrize("clips", [200, 20_500])
def test_nearest_clips_are_found(clips: int) -> None:
    """Copies of a clip with a little noise are its neighbours, in the exact search and in the approximate one."""
    draw = np.random.default_rng(1)
    centres = draw.normal(size=(clips // 5, 16))
    features = (np.repeat(centres, 5, axis=0) + draw.normal(size=(len(centres) * 5, 16)) * 0.01).astype(np.float32)
    graph = feature_similarity(features, 4, seed=0)
    row = np.repeat(np.arange(len(features)), np.diff(graph.indptr))
    assert (row // 5 == graph.indices // 5).mean() > 0.98


def test_a_clip_without_features_is_near_nothing() -> None:
    """It has no neighbours, and is nobody's."""
    features = np.random.default_rng(2).normal(size=(50, 8)).astype(np.float32)
    features[7] = 0
    graph = feature_similarity(features, 5, seed=0)
    assert not graph[[7]].nnz
    assert 7 not in graph.indices


def test_all_features_unknown_make_an_empty_graph() -> None:
    """A library of which no features are known has no neighbours in them."""
    assert not feature_similarity(np.zeros((10, 4), np.float32), 5, seed=0).nnz


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_combined_rows_sum_to_one_and_are_short(seed: int, neighbours: int) -> None:
    """A clip has at most so many neighbours, whose weights sum to one; or none where no kind knows any."""
    draw = np.random.default_rng(seed)
    kinds = [csr_array((draw.random((20, 20)) * (draw.random((20, 20)) < 0.2)).astype(np.float32)) for _ in range(2)]
    graph = combine([(kinds[0], 1.0), (kinds[1], 0.5)], neighbours)
    sizes = np.diff(graph.indptr)
    assert sizes.max() <= neighbours
    np.testing.assert_allclose(graph.sum(axis=1), sizes > 0, rtol=1e-5)
    linked = (kinds[0].sum(axis=1) + kinds[1].sum(axis=1)) > 0
    np.testing.assert_array_equal(sizes > 0, linked)


def test_no_kind_wins_by_its_unit() -> None:
    """Weights a thousand times as large say the same."""
    draw = np.random.default_rng(3)
    one, other = (csr_array(draw.random((20, 20)).astype(np.float32)) for _ in range(2))
    same = combine([(one * 1000, 1.0), (other, 1.0)], 20)
    np.testing.assert_allclose(same.toarray(), combine([(one, 1.0), (other, 1.0)], 20).toarray(), rtol=1e-4)


def test_the_strongest_neighbours_are_kept() -> None:
    """Of three neighbours the two strongest stay; of equals the first."""
    graph = csr_array(np.array([[0, 1, 3, 2], [1, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 5]], np.float32))
    kept = strongest(graph, 2).toarray()
    np.testing.assert_array_equal(kept, [[0, 0, 3, 2], [1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 5]])


def test_places_tell_communities_apart() -> None:
    """Two groups of clips that are alike only within lie apart; a clip without neighbours has no place."""
    draw = np.random.default_rng(4)
    graph = np.zeros((41, 41), np.float32)
    graph[:20, :20], graph[20:40, 20:40] = draw.random((20, 20)), draw.random((20, 20))
    graph[0, 20] = 0.01
    places = graph_structure(rows_to_one(csr_array(graph)), 2, seed=0)
    assert np.isnan(places[40]).all()
    within = np.linalg.norm(places[:20] - places[:20].mean(axis=0), axis=1).max()
    assert np.linalg.norm(places[:20].mean(axis=0) - places[20:40].mean(axis=0)) > 2 * within
