"""The library that a ranker sees of a snapshot."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("faiss", reason="the extra `training` is not installed")

from schemas.supervised import SupervisedClip, SupervisedOutput
from streams.learning.dataset import library_of
from streams.learning.snapshot import Snapshot, feature_columns
from streams.learning.viewing import Viewing

_VIDEOS, _CLIPS = 6, 10
_NOBODY = Viewing(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))


def _snapshot(seen: set[int]) -> Snapshot:
    """Return a library of which models have seen the clips of some videos."""
    draw, names = np.random.default_rng(1), [f"v{number}" for number in range(_VIDEOS)]
    outputs = {
        names[number]: SupervisedOutput(
            schema_version=1,
            video_id=names[number],
            model_version="m",
            clips=tuple(
                SupervisedClip(clip_index=place, score_mean=score, score_sd=1.0)
                for place, score in enumerate(draw.uniform(1, 9, _CLIPS).tolist())
            ),
        )
        for number in seen
    }
    video, clip_index = np.repeat(np.arange(_VIDEOS), _CLIPS), np.tile(np.arange(_CLIPS), _VIDEOS)
    return Snapshot(names, video, clip_index, np.zeros((4, len(video)), np.uint32), outputs, ())


@given(st.sets(st.integers(0, _VIDEOS - 1)))
@settings(deadline=None, max_examples=25)
def test_clips_that_models_have_not_seen_are_near_nothing(seen: set[int]) -> None:
    """Their neighbours are those before and after them alone; those of the others are clips that models have seen, too."""
    snapshot = _snapshot(seen)
    graph = library_of(snapshot, _NOBODY, feature_columns(snapshot), seed=0).graph
    assert graph is not None
    row, near = graph.tocoo().coords
    adjacent = (snapshot.video[row] == snapshot.video[near]) & (np.abs(snapshot.clip_index[row] - snapshot.clip_index[near]) <= 2)
    by_features = ~adjacent
    assert set(snapshot.video[row[by_features]]) | set(snapshot.video[near[by_features]]) <= seen
    assert by_features.any() == (len(seen) > 0)
