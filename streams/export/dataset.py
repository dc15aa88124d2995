"""A data set on disk.

    DIR/README.md                       the card
    DIR/manifest.json                   the same for programs
    DIR/checksums.sha256                of all other files, as `sha256sum --check` reads it
    DIR/data/SPLIT/part-00000.parquet   train, validation, test

The same rows make the same files, byte for byte: nothing in them hangs on the clock or on how ClickHouse cuts its blocks.
"""

import shutil
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from schemas.errors import ConfigurationError
from scoring.splits import Split, split_of
from streams.export.card import card
from streams.export.columns import Column, schema_of
from streams.export.sources import Source

MANIFEST: Final = "manifest.json"
CHECKSUMS: Final = "checksums.sha256"
SPLITS: Final = tuple(split.name.lower() for split in Split)
_GROUP_ROWS: Final = 65_536
_PART_GROUPS: Final = 16


class SplitCount(BaseModel):
    """Size of one side."""

    rows: int
    videos: int


class DatasetManifest(BaseModel):
    """What a data set is."""

    model_config = ConfigDict(extra="forbid")

    format_version: int = 1
    name: str
    licence: str
    code_version: str
    facts: dict[str, Any]
    splits: dict[str, SplitCount]
    left_out: int
    """Rows that join videos of two sides."""
    statistics: list[dict[str, Any]]
    """Rows of each side and group."""


def write(folder: Path, source: Source, licence: str, progress: Callable[[int], object] = lambda _rows: None) -> DatasetManifest:
    """Write a data set into a folder that does not exist yet.

    Raises:
        ConfigurationError: the folder exists, or there are no rows.
        DeliveryError: ClickHouse does not answer.
    """
    if folder.exists():
        message = f"{folder} exists: name a folder that does not, or delete it"
        raise ConfigurationError(message)
    hidden = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(hidden, ignore_errors=True)
    try:
        hidden.mkdir(parents=True)
        manifest = _write(hidden, source, licence, progress)
        hidden.rename(folder)
    except OSError as error:
        message = f"{folder} cannot be written: {error}"
        raise ConfigurationError(message) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return manifest


def _write(folder: Path, source: Source, licence: str, progress: Callable[[int], object]) -> DatasetManifest:
    sides = {Split(place): _Side(folder / "data" / name, source.columns) for place, name in enumerate(SPLITS)}
    left_out = 0
    with source.blocks() as blocks:
        for block in blocks:
            side = sides_of(block, source.videos)
            for split, writer in sides.items():
                writer.add(block.filter(pa.array(side == split)))
            left_out += int((side < 0).sum())
            progress(len(block))
    for writer in sides.values():
        writer.close()
    if not any(writer.rows for writer in sides.values()):
        message = f"{source.name}: no rows are left to export; ask for a longer time or a lower confidence"
        raise ConfigurationError(message)
    manifest = DatasetManifest(
        name=source.name,
        licence=licence,
        code_version=version("highlights"),
        facts=source.facts,
        splits={name: _count(folder / "data" / name, source.videos) for name in SPLITS},
        left_out=left_out,
        statistics=[row for name in SPLITS for row in _statistics(folder / "data" / name, name, source.group)],
    )
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n")
    (folder / "README.md").write_text(card(manifest.model_dump(), source.columns))
    (folder / CHECKSUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(checksums(folder).items())))
    return manifest


def sides_of(rows: pa.Table, videos: tuple[str, ...]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the side of each row, -1 where its videos are on different sides."""
    sides = []
    for name in videos:
        column = rows[name].combine_chunks().dictionary_encode()
        side = split_of(column.dictionary.to_pylist()).astype(np.int64)
        sides.append(side[column.indices.to_numpy(zero_copy_only=False)])
    return np.where(np.all([side == sides[0] for side in sides], axis=0), sides[0], -1)


class _Side:
    """Writes one side's files, in row groups and parts of fixed size."""

    def __init__(self, folder: Path, columns: tuple[Column, ...]) -> None:
        folder.mkdir(parents=True)
        self._folder, self._schema = folder, schema_of(columns)
        self._waiting = self._schema.empty_table()
        self._writer: pq.ParquetWriter | None = None
        self._groups = 0
        self.rows = 0

    def add(self, rows: pa.Table) -> None:
        self.rows += len(rows)
        self._waiting = pa.concat_tables([self._waiting, rows])
        while len(self._waiting) >= _GROUP_ROWS:
            self._write(self._waiting.slice(0, _GROUP_ROWS))
            self._waiting = self._waiting.slice(_GROUP_ROWS)

    def close(self) -> None:
        if len(self._waiting) or not self._groups:
            self._write(self._waiting)
        if self._writer:
            self._writer.close()

    def _write(self, rows: pa.Table) -> None:
        part, group = divmod(self._groups, _PART_GROUPS)
        if group == 0:
            if self._writer:
                self._writer.close()
            path = self._folder / f"part-{part:05}.parquet"
            self._writer = pq.ParquetWriter(path, self._schema, compression="zstd", version="2.6")
        if self._writer:
            self._writer.write_table(rows.combine_chunks(), row_group_size=_GROUP_ROWS)
        self._groups += 1


def _count(folder: Path, videos: tuple[str, ...]) -> SplitCount:
    data = ds.dataset(folder, format="parquet")
    names = {name for column in videos for name in data.to_table([column])[column].unique().to_pylist()}
    return SplitCount(rows=data.count_rows(), videos=len(names))


def _statistics(folder: Path, split: str, group: str) -> list[dict[str, Any]]:
    counted = ds.dataset(folder, format="parquet").to_table([group]).group_by(group).aggregate([([], "count_all")])
    return [{"split": split, group: row[group], "rows": row["count_all"]} for row in counted.sort_by(group).to_pylist()]


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a data set but the list of them."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != CHECKSUMS)
    return {path.relative_to(folder).as_posix(): _digest(path) for path in files}


def _digest(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
