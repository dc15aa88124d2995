"""A folder of features: a file for each video, and `clips.parquet`, which is all of them.

    <folder>/videos/<video_id>.parquet
    <folder>/clips.parquet                see `schemas.features`

Files are written under another name and renamed when they are whole, so that there never is half of one. Each tells what it was
made of: that is how a run that was cut short goes on, and how features of other networks are kept apart.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from schemas.errors import ConfigurationError
from schemas.features import CLIP_INDEX, VIDEO_ID
from scoring.extraction.clip import Extractor
from streams.extraction.weights import Extraction

_SOURCE: Final = b"highlights.source"
_EXTRACTION: Final = b"highlights.extraction"
_ROWS_TOGETHER: Final = 8_192

Features = list[NDArray[np.float32] | None]
"""Of each clip, in order; None where it has none."""


class FeatureFolder:
    """The folder."""

    def __init__(self, folder: Path, extraction: Extraction) -> None:
        """Name the folder; it is made when it is not there.

        Raises:
            ConfigurationError: it holds features of other extractors, or cannot be made.
        """
        self._videos = folder / "videos"
        self.clips = folder / "clips.parquet"
        self._extractors = extraction.extractors
        self._made_by = orjson.dumps(extraction.weights)
        try:
            self._videos.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"--out {folder} cannot be made: {error.strerror}"
            raise ConfigurationError(message) from error
        other = next((path for path in self._files() if _told(path).get(_EXTRACTION) != self._made_by), None)
        if other is not None:
            message = f"{other} was made with other groups of features or other weights: give another --out, or remove it"
            raise ConfigurationError(message)

    def has(self, video_id: str, source: Mapping[str, str]) -> bool:
        """Return whether the features of a video are there, made of the same source."""
        path = self._path(video_id)
        return path.is_file() and _told(path).get(_SOURCE) == orjson.dumps(source)

    def write(self, video_id: str, source: Mapping[str, str], groups: Mapping[str, Features]) -> None:
        """Write the features of a video.

        Args:
            video_id: of the video.
            source: what tells the files that they were made of from others.
            groups: of each extractor, as many as there are clips.
        """
        count = len(next(iter(groups.values())))
        columns = {VIDEO_ID: pa.array([video_id] * count, pa.string()), CLIP_INDEX: pa.array(range(count), pa.int64())}
        columns |= {extractor.name: _column(groups[extractor.name], extractor.dimensions) for extractor in self._extractors}
        table = pa.table(columns).replace_schema_metadata({_SOURCE: orjson.dumps(source), _EXTRACTION: self._made_by})
        with _whole(self._path(video_id)) as path:
            pq.write_table(table, path)

    def join(self) -> int:
        """Write all videos' clips, in the order of their ids, to one file; return how many clips there are."""
        schema = pa.schema([(VIDEO_ID, pa.string()), (CLIP_INDEX, pa.int64()), *map(_field, self._extractors)])
        with _whole(self.clips) as path, pq.ParquetWriter(path, schema) as writer:
            return sum(_written(writer, table) for table in _together(self._files()))

    def _files(self) -> list[Path]:
        return sorted(self._videos.glob("[!.]*.parquet"), key=lambda path: path.stem)

    def _path(self, video_id: str) -> Path:
        return self._videos / f"{video_id}.parquet"


def _field(extractor: Extractor) -> tuple[str, pa.DataType]:
    return extractor.name, pa.list_(pa.float32(), extractor.dimensions)


def _column(features: Features, dimensions: int) -> pa.Array:
    missing = np.array([one is None for one in features])
    flat = np.concatenate([np.zeros(dimensions, np.float32) if one is None else one for one in features])
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), dimensions, mask=pa.array(missing))


def _told(path: Path) -> dict[bytes, bytes]:
    return dict(pq.read_schema(path).metadata or {})


def _together(paths: Iterable[Path]) -> Iterator[pa.Table]:
    """Yield the files' tables, small ones together."""
    tables: list[pa.Table] = []
    for path in paths:
        tables.append(pq.read_table(path).replace_schema_metadata(None))
        if sum(map(len, tables)) >= _ROWS_TOGETHER:
            yield pa.concat_tables(tables)
            tables = []
    if tables:
        yield pa.concat_tables(tables)


def _written(writer: pq.ParquetWriter, table: pa.Table) -> int:
    writer.write_table(table)
    return len(table)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a name to write to; when that is done, it takes the path's place."""
    hidden = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield hidden
        with hidden.open("rb") as file:
            os.fsync(file.fileno())
        hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)
