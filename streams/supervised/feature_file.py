"""Reading files of clips' features, see `schemas.features`: Parquet in batches, NumPy whole."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple
from zipfile import BadZipFile, is_zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from schemas.errors import ConfigurationError
from schemas.features import CATEGORY, CLIP_INDEX, KNOWN, SCORE, SCORE_SD, TAG_NAMES, TAGS, VIDEO_ID
from schemas.limits import CLIP_SECONDS, MAX_POSITION_S, MAX_SCORE

_BATCH_CLIPS: Final = 65_536
_UNREADABLE: Final = (pa.ArrowException, OSError, EOFError, BadZipFile, zlib.error)
"""What libraries say of a file that is damaged or cut off."""
_Groups = dict[str, NDArray[np.float32]]


class ClipRows(NamedTuple):
    """n clips of a file."""

    video_id: list[str]
    clip_index: NDArray[np.int64]
    category: list[str | None]
    groups: _Groups
    """[n, d] each, a row of NaN where a clip has none."""
    score: NDArray[np.float32]
    score_sd: NDArray[np.float32]
    tags: list[list[str] | None]

    def take(self, start: int, end: int) -> "ClipRows":
        """Return the clips from `start` up to `end`."""
        groups = {name: values[start:end] for name, values in self.groups.items()}
        return ClipRows(
            self.video_id[start:end], self.clip_index[start:end], self.category[start:end], groups, self.score[start:end],
            self.score_sd[start:end], self.tags[start:end],
        )  # fmt: skip


def read_rows(path: Path) -> Iterator[ClipRows]:
    """Yield the clips of a file in its order.

    Raises:
        ConfigurationError: there is no such file, or it is not of that form; the message names column and row.
    """
    if path.suffix not in (".parquet", ".npz"):
        message = f"{path}: features are read from .parquet or .npz files, see `highlights train-supervised --help`"
        raise ConfigurationError(message)
    if path.is_dir():
        message = f"{path} is a folder: give a file of clips' features"
        raise ConfigurationError(message)
    try:
        yield from _read_numpy(path) if path.suffix == ".npz" else _read_parquet(path)
    except FileNotFoundError as error:
        message = f"there is no {path}: give a file of clips' features"
        raise ConfigurationError(message) from error
    except PermissionError as error:
        message = f"{path} may not be read by this user: allow it, or give another file of clips' features"
        raise ConfigurationError(message) from error
    except _UNREADABLE as error:
        message = f"{path} cannot be read: {_reason(error)}. Write it again, or put it back from a copy if it is damaged"
        raise ConfigurationError(message) from error
    except (ValueError, KeyError) as error:
        message = f"{path} cannot be read as a file of clips' features: {_reason(error)}"
        raise ConfigurationError(message) from error


def _reason(error: Exception) -> str:
    """Return the first line of what was said."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _read_parquet(path: Path) -> Iterator[ClipRows]:
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        missing = [name for name in (VIDEO_ID, CLIP_INDEX) if name not in schema.names]
        if missing:
            message = f"column {missing[0]!r} is missing; it has {', '.join(schema.names)}"
            raise ValueError(message)
        widths = {name: _width(file, schema, name) for name in schema.names if name not in KNOWN}
        first = 0
        for batch in file.iter_batches(_BATCH_CLIPS):
            columns = dict(zip(batch.schema.names, batch.columns, strict=True))
            _check_names(columns, first)
            groups = {name: _group(columns[name], name, width, first) for name, width in widths.items()}
            yield _checked(_rows(columns, groups, len(batch)), first)
            first += len(batch)


def _check_names(columns: dict[str, pa.Array], first: int) -> None:
    for name in (VIDEO_ID, CLIP_INDEX):
        if columns[name].null_count:
            row = first + columns[name].is_null().index(True).as_py()
            message = f"column {name!r} is null in row {row}"
            raise ValueError(message)


def _width(file: pq.ParquetFile, schema: pa.Schema, name: str) -> int:
    kind = schema.field(name).type
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size)
    if not pa.types.is_list(kind) and not pa.types.is_large_list(kind):
        message = f"column {name!r} is {kind}: a group of features is a list of numbers; leave other columns out"
        raise ValueError(message)
    for batch in file.iter_batches(_BATCH_CLIPS, columns=[name]):
        known = batch.column(0).drop_null()
        if len(known):
            return len(known[0])
    return 0


def _group(column: pa.Array, name: str, width: int, first: int) -> NDArray[np.float32]:
    known = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    fixed = pa.types.is_fixed_size_list(column.type)
    lengths = np.full(len(known), width) if fixed else column.drop_null().value_lengths().to_numpy()
    if (lengths != width).any():
        place = int(np.flatnonzero(lengths != width)[0])
        message = f"column {name!r}, row {first + int(known[place])}: {int(lengths[place])} numbers, other rows have {width}"
        raise ValueError(message)
    values = np.full((len(column), width), np.nan, np.float32)
    values[known] = column.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(len(known), width)
    return values


def _rows(columns: dict[str, pa.Array], groups: _Groups, count: int) -> ClipRows:
    nothing = pa.nulls(count)
    return ClipRows(
        columns[VIDEO_ID].cast(pa.string()).to_pylist(),
        columns[CLIP_INDEX].cast(pa.int64()).to_numpy(zero_copy_only=False),
        columns.get(CATEGORY, nothing).to_pylist(),
        groups,
        _numbers(columns.get(SCORE, nothing)),
        _numbers(columns.get(SCORE_SD, nothing)),
        columns.get(TAGS, nothing).to_pylist(),
    )


def _numbers(column: pa.Array) -> NDArray[np.float32]:
    numbers: NDArray[np.float32] = column.cast(pa.float32()).to_numpy(zero_copy_only=False)
    return numbers.astype(np.float32)


def _read_numpy(path: Path) -> Iterator[ClipRows]:
    arrays = _arrays(path)
    count = _count(arrays)
    groups = {name: np.asarray(values, np.float32) for name, values in arrays.items() if name not in KNOWN}
    flat = [name for name, values in groups.items() if values.ndim != 2 or len(values) != count]
    if flat:
        message = f"array {flat[0]!r} has shape {groups[flat[0]].shape}: a group of features is [{count}, d]"
        raise ValueError(message)
    nothing = np.full(count, np.nan, np.float32)
    rows = ClipRows(
        [str(name) for name in arrays[VIDEO_ID].tolist()],
        np.asarray(arrays[CLIP_INDEX], np.int64),
        [str(name) or None for name in arrays[CATEGORY].tolist()] if CATEGORY in arrays else [None] * count,
        groups,
        np.asarray(arrays.get(SCORE, nothing), np.float32),
        np.asarray(arrays.get(SCORE_SD, nothing), np.float32),
        _named_tags(arrays, count),
    )
    yield _checked(rows, 0)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    if not is_zipfile(path):
        raise BadZipFile("it is not, or no longer, what numpy.savez writes")
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _count(arrays: dict[str, NDArray[Any]]) -> int:
    """Return the number of clips, if all arrays but the groups of features have as many."""
    missing = [name for name in (VIDEO_ID, CLIP_INDEX) if name not in arrays]
    if missing:
        message = f"array {missing[0]!r} is missing; it has {', '.join(arrays)}"
        raise ValueError(message)
    count, tags = arrays[VIDEO_ID].size, arrays[TAG_NAMES].size if TAG_NAMES in arrays else 0
    if not np.issubdtype(arrays[CLIP_INDEX].dtype, np.integer):
        message = f"array {CLIP_INDEX!r} is of {arrays[CLIP_INDEX].dtype}: it is to be of integers"
        raise ValueError(message)
    shapes = {**dict.fromkeys((VIDEO_ID, CLIP_INDEX, CATEGORY, SCORE, SCORE_SD), (count,)), TAGS: (count, tags)}
    for name, shape in shapes.items():
        if name in arrays and arrays[name].shape != shape:
            message = f"array {name!r} has shape {arrays[name].shape}: of {count} clips and {tags} {TAG_NAMES!r} it has {shape}"
            raise ValueError(message)
    return count


def _named_tags(arrays: dict[str, NDArray[Any]], count: int) -> list[list[str] | None]:
    if TAGS not in arrays:
        return [None] * count
    names = arrays[TAG_NAMES]
    return [None if np.isnan(row).any() else [str(name) for name in names[row > 0]] for row in arrays[TAGS]]


def _checked(rows: ClipRows, first: int) -> ClipRows:
    """Return the rows if every value is one that can be."""
    most = int(MAX_POSITION_S) // CLIP_SECONDS
    bad = {
        f"column {CLIP_INDEX!r} is to be from 0 to {most}": (rows.clip_index < 0) | (rows.clip_index > most),
        f"column {SCORE!r} is to be from 0 to {MAX_SCORE:.0f}": (rows.score < 0) | (rows.score > MAX_SCORE),
        f"column {SCORE_SD!r} is to be at least 0": (rows.score_sd < 0) | np.isinf(rows.score_sd),
        **{f"column {name!r} is to hold finite numbers": np.isinf(values).any(axis=1) for name, values in rows.groups.items()},
    }
    for what, wrong in bad.items():
        if wrong.any():
            message = f"{what}; row {first + int(np.flatnonzero(wrong)[0])} is not"
            raise ValueError(message)
    return rows
