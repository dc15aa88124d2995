"""Reading cast tables."""

import json
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest

from schemas.errors import ConfigurationError
from streams.supervised.cast_table import read_cast

_HEAD = "person,importance,video_id,clip_index,from_s,to_s\n"
_ROWS = _HEAD + "Ada,0.9,v1,3,,\nBo,0.5,v1,,25,40\nBo,0.5,7,0,,\n"


def _written(folder: Path, text: str, name: str = "cast.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_clips_and_times_of_all_formats(tmp_path: Path) -> None:
    """The same table says the same as CSV, JSON lines and Parquet; an id of digits stays text."""
    csv = _written(tmp_path, _ROWS)
    cast = read_cast(csv)
    assert {video: {clip: round(value, 9) for clip, value in clips.items()} for video, clips in cast.items()} == {
        "v1": {2: 0.25, 3: 0.95},
        "7": {0: 0.5},
    }
    table = pyarrow.csv.read_csv(csv)
    table = table.set_column(2, "video_id", table["video_id"].cast("string"))
    pyarrow.parquet.write_table(table, tmp_path / "cast.parquet")
    lines = "\n".join(json.dumps({name: value for name, value in row.items() if value is not None}) for row in table.to_pylist())
    assert cast == read_cast(tmp_path / "cast.parquet") == read_cast(_written(tmp_path, lines, "cast.jsonl"))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("Ada,1.5,v1,3,,", r"row 2: importance = 1\.5"),
        ("Ada,0.5,v1,,,", "row 2: .*either clip_index, or both from_s and to_s"),
        ("Ada,0.5,v1,3,1,2", "row 2: .*either clip_index, or both from_s and to_s"),
        ("Ada,0.5,v1,,1,", "row 2: .*either clip_index, or both from_s and to_s"),
        ("Ada,0.5,v1,,9,2", r"row 2: .*from_s = 9 is not before to_s = 2"),
        ("Ada,0.5,v 1,3,,", "row 2: video_id = 'v 1'"),
        (",0.5,v1,3,,", "row 2: person = None"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, said: str) -> None:
    """By its number, the field, the value, and what is expected."""
    with pytest.raises(ConfigurationError, match=said):
        read_cast(_written(tmp_path, f"{_HEAD}Bo,0.5,v1,0,,\n{row}\n"))


def test_a_file_that_is_none_is_one_line(tmp_path: Path) -> None:
    """Another ending, no file, no table."""
    with pytest.raises(ConfigurationError, match=r"ends in \.csv, \.jsonl, \.parquet"):
        read_cast(tmp_path / "cast.xls")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_cast(tmp_path / "cast.csv")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_cast(_written(tmp_path, "no parquet", "cast.parquet"))
