"""Annotators' scores of the library's clips."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.errors import ConfigurationError
from scoring.ranker.annotated import annotated_pairs
from scoring.splits import Split, split_of
from streams.learning.labels import read_labels
from streams.learning.snapshot import Snapshot

_VIDEOS, _CLIPS = 40, 3


def _snapshot() -> Snapshot:
    names = [f"v{number:02d}" for number in range(_VIDEOS)]
    video = np.repeat(np.arange(_VIDEOS), _CLIPS)
    return Snapshot(names, video, np.tile(np.arange(_CLIPS), _VIDEOS), np.zeros((4, len(video)), np.uint32), {}, ())


def _file(folder: Path, rows: list[tuple[str, int, float | None]]) -> Path:
    columns = dict(zip(("video_id", "clip_index", "score"), map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(columns), folder / "labels.parquet")
    return folder / "labels.parquet"


def test_labels_find_their_clips(tmp_path: Path) -> None:
    """Rows in any order; clips that nobody has watched and clips without a score are passed over."""
    snapshot = _snapshot()
    one, other = np.flatnonzero(split_of(snapshot.videos) == Split.TRAIN)[:2].tolist()
    first, second = snapshot.videos[one], snapshot.videos[other]
    rows = [(second, 2, 7.5), (first, 0, 2.0), ("unknown", 0, 9.0), (first, 99, 9.0), (second, 1, None)]
    score = read_labels(_file(tmp_path, rows), snapshot).score
    found = {row: score[row] for row in np.flatnonzero(~np.isnan(score)).tolist()}
    assert found == {one * _CLIPS: 2.0, other * _CLIPS + 2: 7.5}


def test_held_out_labels_are_kept_apart(tmp_path: Path) -> None:
    """Labels of one side are those of its videos, and all sides together are all labels."""
    snapshot = _snapshot()
    labels = read_labels(_file(tmp_path, [(name, 1, place / 4) for place, name in enumerate(snapshot.videos)]), snapshot)
    sides = [~np.isnan(labels.of_split(snapshot, split)) for split in Split]
    np.testing.assert_array_equal(np.sum(sides, axis=0), ~np.isnan(labels.score))
    assert set(split_of(snapshot.videos)[snapshot.video][sides[Split.TEST]]) == {Split.TEST}


@pytest.mark.parametrize("rows", [[("w00", 0, 1.0), ("w01", 0, 2.0)], [("v00", 0, 3.0), ("v00", 1, 3.0)]])
def test_labels_that_say_nothing_are_refused(tmp_path: Path, rows: list[tuple[str, int, float | None]]) -> None:
    """Labels of other videos, or all alike, are an error that names the file and the columns."""
    with pytest.raises(ConfigurationError, match=r"--labels .*labels\.parquet.*different 'score'"):
        read_labels(_file(tmp_path, rows), _snapshot())


def test_pairs_of_labels_follow_the_scores() -> None:
    """Only clips of one video, with different scores, are paired, the higher first."""
    score, video = np.array([1.0, 3.0, 3.0, np.nan, 2.0, 0.0]), np.array([0, 0, 0, 0, 1, 1])
    pairs = annotated_pairs(score, video, distances=4)
    assert (score[pairs.preferred] > score[pairs.other]).all()
    assert (video[pairs.preferred] == video[pairs.other]).all()
    assert {3} & {*pairs.preferred.tolist(), *pairs.other.tolist()} == set()
