"""Cast tables: who is seen where in which video, and how important he is.

CSV with a head line, JSON lines or Parquet, one row an appearance:

    person          string
    importance      number 0-1
    video_id        string
    clip_index      integer, when he is seen in that whole clip; otherwise missing or null
    from_s, to_s    numbers, seconds of the video, when he is seen from one to the other; otherwise missing or null
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.errors import ConfigurationError
from schemas.interactions import Identifier
from schemas.limits import CLIP_SECONDS, MAX_POSITION_S
from schemas.supervised import ClipIndex, Name, Probability
from scoring.cast import Appearance, clip_importance

Cast = Mapping[str, Mapping[int, float]]
"""Importance by clip index, of each video of a table."""

DIGITS: Final = 4
"""Of the numbers in messages."""

Position = Annotated[float, Field(ge=0.0, le=MAX_POSITION_S, allow_inf_nan=False)]

_WAYS_TO_SAY_WHERE: Final = {(False, True, True), (True, False, False)}
_CSV: Final = pyarrow.csv.ConvertOptions(
    column_types={"person": pa.string(), "video_id": pa.string(), "clip_index": pa.int64()}, strings_can_be_null=True
)
_READERS: Final[dict[str, Callable[[Path], pa.Table]]] = {
    ".csv": lambda path: pyarrow.csv.read_csv(path, convert_options=_CSV),
    ".jsonl": pyarrow.json.read_json,
    ".parquet": pyarrow.parquet.read_table,
}


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    person: Name
    importance: Probability
    video_id: Identifier
    clip_index: ClipIndex | None = None
    from_s: Position | None = None
    to_s: Position | None = None

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if (self.clip_index is None, self.from_s is None, self.to_s is None) not in _WAYS_TO_SAY_WHERE:
            message = "give either clip_index, or both from_s and to_s"
            raise ValueError(message)
        if self.from_s is not None and self.to_s is not None and self.from_s >= self.to_s:
            message = f"from_s = {self.from_s:g} is not before to_s = {self.to_s:g}"
            raise ValueError(message)
        return self

    def appearance(self) -> Appearance:
        if self.clip_index is not None:
            return Appearance(self.person, self.importance, self.clip_index * CLIP_SECONDS, (self.clip_index + 1) * CLIP_SECONDS)
        return Appearance(self.person, self.importance, self.from_s or 0.0, self.to_s or 0.0)


def read_cast(path: Path) -> Cast:
    """Read a cast table.

    Raises:
        ConfigurationError: the file cannot be read, or a row is wrong; its number and field are named.
    """
    reader = _READERS.get(path.suffix)
    if reader is None:
        message = f"{path}: a cast table ends in {', '.join(_READERS)}"
        raise ConfigurationError(message)
    try:
        table = reader(path)
    except (OSError, pa.ArrowException) as error:
        message = f"{path} cannot be read: {error}"
        raise ConfigurationError(message) from error
    appearances: dict[str, list[Appearance]] = defaultdict(list)
    for number, fields in enumerate(table.to_pylist(), start=1):
        row = _row(path, number, fields)
        appearances[row.video_id].append(row.appearance())
    return {video: clip_importance(seen) for video, seen in appearances.items()}


def importance_of(cast: Cast, video_id: str, clip_index: int) -> float:
    """Return the importance of a clip of one of the table's videos, as messages have it; 0 where nobody is seen."""
    return round(cast[video_id].get(clip_index, 0.0), DIGITS)


def _row(path: Path, number: int, fields: dict[str, Any]) -> _Row:
    try:
        return _Row.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        what = f"{field} = {fields.get(field)!r}: " if field else ""
        message = f"{path}, row {number}: {what}{first['msg']}"
        raise ConfigurationError(message) from error
