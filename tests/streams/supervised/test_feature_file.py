"""Files of clips' features."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.errors import ConfigurationError
from streams.supervised.feature_file import read_rows

_COLUMNS: dict[str, Any] = {
    "video_id": ["a", "a", "b"],
    "clip_index": [0, 1, 0],
    "visual": pa.FixedSizeListArray.from_arrays(pa.array(np.arange(6, dtype=np.float32)), 2),
    "audio": pa.array([[1.0, 2.0, 3.0], None, [4.0, 5.0, 6.0]], pa.list_(pa.float32())),
    "score": [5.0, None, 7.5],
    "tags": [["goal"], None, []],
}


def _write(folder: Path, **changes: Any) -> Path:
    columns = {name: value for name, value in (_COLUMNS | changes).items() if value is not None}
    pq.write_table(pa.table(columns), folder / "clips.parquet")
    return folder / "clips.parquet"


def test_parquet_is_read_with_its_gaps(tmp_path: Path) -> None:
    """Every column that is not known by name is a group; what is null is NaN or None."""
    [rows] = read_rows(_write(tmp_path))
    assert rows.video_id == ["a", "a", "b"]
    assert rows.clip_index.tolist() == [0, 1, 0]
    assert rows.groups["visual"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert np.isnan(rows.groups["audio"][1]).all()
    assert rows.groups["audio"][2].tolist() == [4, 5, 6]
    assert np.isnan(rows.score).tolist() == [False, True, False]
    assert np.isnan(rows.score_sd).all()
    assert rows.tags == [["goal"], None, []]
    assert rows.category == [None, None, None]


def test_numpy_says_the_same(tmp_path: Path) -> None:
    """The same clips as arrays are the same rows."""
    [rows] = read_rows(_write(tmp_path))
    np.savez(
        tmp_path / "clips.npz", video_id=["a", "a", "b"], clip_index=[0, 1, 0], score=rows.score, tag_names=["goal"],
        tags=[[1], [np.nan], [0]], **rows.groups,
    )  # fmt: skip
    [again] = read_rows(tmp_path / "clips.npz")
    assert again.video_id == rows.video_id
    assert again.tags == rows.tags
    for name, values in rows.groups.items():
        assert np.array_equal(again.groups[name], values, equal_nan=True)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"video_id": None}, "column 'video_id' is missing"),
        ({"video_id": ["a", None, "b"]}, "column 'video_id' is null in row 1"),
        ({"clip_index": [0, None, 0]}, "column 'clip_index' is null in row 1"),
        ({"clip_index": [0, -1, 0]}, "column 'clip_index' is to be from 0 to 8640; row 1 is not"),
        ({"score": [5.0, 11.0, 1.0]}, "column 'score' is to be from 0 to 10; row 1 is not"),
        ({"audio": pa.array([[1.0], [1.0, 2.0], [1.0]])}, "column 'audio', row 1: 2 numbers, other rows have 1"),
        ({"audio": pa.array([[1.0], [float("inf")], [1.0]])}, "column 'audio' is to hold finite numbers; row 1 is not"),
        ({"audio": ["x", "y", "z"]}, "column 'audio' is string: a group of features is a list of numbers"),
    ],
)
def test_what_is_wrong_is_named_with_column_and_row(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    """Nothing is passed over in silence."""
    with pytest.raises(ConfigurationError, match=told):
        list(read_rows(_write(tmp_path, **changes)))


def test_other_files_are_refused(tmp_path: Path) -> None:
    """A file that is not there, of another kind, or damaged is one line."""
    (tmp_path / "text.csv").write_text("video_id\n")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    for name, told in (
        ("none.parquet", "there is no"),
        ("text.csv", "read from .parquet or .npz"),
        ("broken.parquet", "cannot be read"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            list(read_rows(tmp_path / name))


def _damaged_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[20:40] = bytes(20)
    path.write_bytes(content)


def _cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _locked(path: Path) -> None:
    path.chmod(0)


@pytest.mark.parametrize("suffix", [".parquet", ".npz"])
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_damaged_page, "cannot be read: .*put it back from a copy"),
        (_cut_off, "cannot be read: .*put it back from a copy"),
        (_emptied, "cannot be read: .*put it back from a copy"),
        (_a_folder, "is a folder: give a file"),
        (_locked, "may not be read by this user: allow it"),
    ],
)
def test_a_spoilt_file_is_named_with_the_way_out(tmp_path: Path, suffix: str, spoil: Callable[[Path], None], told: str) -> None:
    """Whichever library says so, and whatever it calls that."""
    path = _write(tmp_path, video_id=["a"] * 3, clip_index=[0, 1, 2])
    if suffix == ".npz":
        np.savez_compressed(tmp_path / "clips.npz", video_id=["a"] * 3, clip_index=[0, 1, 2], visual=np.ones((3, 99)))
        path = tmp_path / "clips.npz"
    if spoil is _locked and os.geteuid() == 0:
        pytest.skip("the system's administrator may read every file")
    spoil(path)
    with pytest.raises(ConfigurationError, match=f"{path.name} {told}"):
        list(read_rows(path))


def test_a_place_that_is_no_integer_is_refused(tmp_path: Path) -> None:
    """Clip 3.7 is not clip 3."""
    np.savez(tmp_path / "clips.npz", video_id=["a"], clip_index=[3.7], visual=np.ones((1, 2)))
    with pytest.raises(ConfigurationError, match="'clip_index' is of float64: it is to be of integers"):
        list(read_rows(tmp_path / "clips.npz"))


@pytest.mark.parametrize("arrays", [{"score": np.zeros(2)}, {"tags": np.zeros(3)}, {"video_id": "a"}, {"clip_index": None}])
def test_arrays_that_do_not_fit_each_other_are_named(tmp_path: Path, arrays: dict[str, Any]) -> None:
    """As many clips in each, or what is wrong with which."""
    all_ = {"video_id": ["a"] * 3, "clip_index": [0, 1, 2], "visual": np.ones((3, 2))} | arrays
    np.savez(tmp_path / "clips.npz", **{name: array for name, array in all_.items() if array is not None})
    with pytest.raises(ConfigurationError, match=f"array '{next(iter(arrays))}' (has shape|is missing)"):
        list(read_rows(tmp_path / "clips.npz"))
