"""Data sets on disk."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from schemas.errors import ConfigurationError, StateError
from streams.export import dataset
from streams.export.columns import WEAK_PAIR_COLUMNS, schema_of
from streams.export.dataset import SPLITS, DatasetManifest, write
from streams.export.sources import Source
from streams.export.verify import verify

_ROWS, _VIDEOS = 5_000, 40


def _rows() -> pa.Table:
    rng = np.random.default_rng(3)
    columns: dict[str, Any] = {}
    for column in WEAK_PAIR_COLUMNS:
        if column.name.endswith("_video"):
            columns[column.name] = [f"film-{video}" for video in rng.integers(0, _VIDEOS, _ROWS)]
        elif column.name == "kind":
            columns[column.name] = rng.choice(["share", "rewind"], _ROWS)
        elif column.name == "built_for":
            columns[column.name] = pa.array(np.full(_ROWS, 1_790_000_000_000), column.type)
        elif column.type == pa.string():
            columns[column.name] = ["x"] * _ROWS
        else:
            columns[column.name] = rng.integers(1, 99, _ROWS) / (100 if column.name == "confidence" else 1)
    columns["other_video"] = [
        one if same else other
        for one, other, same in zip(columns["preferred_video"], columns["other_video"], rng.random(_ROWS) < 0.7, strict=True)
    ]
    return pa.table(columns).cast(schema_of(WEAK_PAIR_COLUMNS))


class _Blocks(Source):
    """Rows that come in blocks of some size."""

    @contextmanager
    def blocks(self) -> Iterator[Iterator[pa.Table]]:
        rows, size = _rows(), self.parameters["size"]
        yield (rows.slice(start, size) for start in range(0, len(rows), size))


def _source(size: int = 700) -> Source:
    facts = {"build": "b", "lineage": []}
    videos = ("preferred_video", "other_video")
    return _Blocks("weak-pairs", WEAK_PAIR_COLUMNS, videos, "kind", facts, None, "", {"size": size})


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, DatasetManifest]:
    """A data set in a folder, and its manifest."""
    return tmp_path / "pairs", write(tmp_path / "pairs", _source(), "CC-BY-4.0")


def test_no_video_is_on_two_sides(written: tuple[Path, DatasetManifest]) -> None:
    """Rows whose videos lie on two sides are left out and counted; all others are there, once."""
    folder, manifest = written
    seen: list[set[str]] = []
    for split in SPLITS:
        rows = ds.dataset(folder / "data" / split).to_table()
        seen.append({video for name in ("preferred_video", "other_video") for video in rows[name].to_pylist()})
        assert (len(rows), len(seen[-1])) == tuple(manifest.splits[split].model_dump().values())
    assert sum(map(len, seen)) == len(set.union(*seen))
    assert sum(count.rows for count in manifest.splits.values()) + manifest.left_out == _ROWS
    assert manifest.left_out > 0


def test_the_same_rows_make_the_same_files(tmp_path: Path) -> None:
    """However the source cuts its blocks, every file has the same bytes."""
    write(tmp_path / "one", _source(700), "other")
    write(tmp_path / "two", _source(4_999), "other")
    assert dataset.checksums(tmp_path / "one") == dataset.checksums(tmp_path / "two")


def test_parts_and_row_groups_have_a_fixed_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A side of many rows has several files, of which all but the last are full."""
    monkeypatch.setattr(dataset, "_GROUP_ROWS", 100)
    monkeypatch.setattr(dataset, "_PART_GROUPS", 4)
    write(tmp_path / "pairs", _source(), "other")
    parts = sorted((tmp_path / "pairs" / "data" / "train").glob("*.parquet"))
    rows = [ds.dataset(part).count_rows() for part in parts]
    assert len(rows) > 3
    assert set(rows[:-1]) == {400}
    verify(tmp_path / "pairs")


def test_a_whole_data_set_is_verified(written: tuple[Path, DatasetManifest]) -> None:
    """`verify` gives the manifest back, and so does sha256sum."""
    folder, manifest = written
    assert verify(folder) == manifest
    subprocess.run(["sha256sum", "--check", "--quiet", "checksums.sha256"], cwd=folder, check=True)


def test_a_damaged_data_set_is_refused_with_the_file(written: tuple[Path, DatasetManifest]) -> None:
    """A changed, a missing and an added file are each named."""
    folder, _ = written
    (folder / "README.md").write_text("other")
    (folder / "data" / "test" / "part-00000.parquet").unlink()
    (folder / "data" / "train" / "part-00009.parquet").write_bytes(b"")
    expected = r"README.md \(changed\), data/test/part-00000.parquet \(missing\), data/train/part-00009.parquet \(not listed\)"
    with pytest.raises(StateError, match=expected):
        verify(folder)


def _rewrite(folder: Path, **sides: pa.Table) -> None:
    """Put other rows into sides of a data set, with checksums that are right."""
    for name, rows in sides.items():
        pq.write_table(rows, folder / "data" / name / "part-00000.parquet")
    lines = (f"{digest}  {name}\n" for name, digest in sorted(dataset.checksums(folder).items()))
    (folder / dataset.CHECKSUMS).write_text("".join(lines))


def test_a_row_on_another_side_is_found(written: tuple[Path, DatasetManifest]) -> None:
    """Two rows that have changed places are of videos of another side, though files and numbers of rows are as they should be."""
    folder, _ = written
    train, test = (ds.dataset(folder / "data" / name).to_table() for name in ("train", "test"))
    _rewrite(
        folder,
        train=pa.concat_tables([train.slice(1), test.slice(0, 1)]),
        test=pa.concat_tables([test.slice(1), train.slice(0, 1)]),
    )
    with pytest.raises(StateError, match=r"data/train holds .* rows of .*, 1 of videos of another side"):
        verify(folder)


def test_a_row_that_is_missing_is_found(written: tuple[Path, DatasetManifest]) -> None:
    """There are to be as many as the manifest says."""
    folder, manifest = written
    _rewrite(folder, test=ds.dataset(folder / "data" / "test").to_table().slice(1))
    rows = manifest.splits["test"].rows
    with pytest.raises(StateError, match=f"data/test holds {rows - 1} rows of {rows}, 0 of videos of another side"):
        verify(folder)


def test_an_existing_folder_is_left_alone(written: tuple[Path, DatasetManifest]) -> None:
    """Nothing is written over, and nothing half written is left."""
    folder, _ = written
    with pytest.raises(ConfigurationError, match="exists"):
        write(folder, _source(), "other")
    verify(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["pairs"]


def test_the_card_tells_licence_lineage_columns_and_biases(written: tuple[Path, DatasetManifest]) -> None:
    """Every column is explained, in the card and in the files themselves."""
    folder, _ = written
    card = (folder / "README.md").read_text()
    assert 'license: "CC-BY-4.0"' in card
    assert "Known biases" in card
    assert '"build": "b"' in card
    schema = ds.dataset(folder / "data" / "train").schema
    for column in WEAK_PAIR_COLUMNS:
        assert f"| {column.name} | {column.type} | {column.meaning} |" in card
        assert schema.field(column.name).metadata[b"description"].decode() == column.meaning


def test_pandas_reads_it(written: tuple[Path, DatasetManifest]) -> None:
    """One side is a data frame with all columns."""
    folder, manifest = written
    frame = pd.read_parquet(folder / "data" / "validation")
    assert list(frame.columns) == [column.name for column in WEAK_PAIR_COLUMNS]
    assert len(frame) == manifest.splits["validation"].rows


def test_datasets_reads_it(written: tuple[Path, DatasetManifest], tmp_path: Path) -> None:
    """Hugging Face's `datasets` finds the three splits by the card."""
    import datasets

    folder, manifest = written
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in loaded.items()} == {name: count.rows for name, count in manifest.splits.items()}


def test_clickhouse_reads_it(written: tuple[Path, DatasetManifest]) -> None:
    """ClickHouse's `file()` reads all sides at once."""
    chdb = pytest.importorskip("chdb", reason="the extra `embedded` is not installed")
    folder, manifest = written
    found = chdb.query(f"SELECT count(), countIf(confidence > 0) FROM file('{folder}/data/*/*.parquet', Parquet)", "CSV")
    rows = sum(count.rows for count in manifest.splits.values())
    assert str(found).strip() == f"{rows},{rows}"
