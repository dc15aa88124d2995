"""Checking a data set: are its files whole, is each video on its side, are there as many rows as the manifest says?"""

from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
from pydantic import ValidationError

from schemas.errors import ConfigurationError, StateError
from scoring.splits import Split
from streams.export.dataset import CHECKSUMS, MANIFEST, SPLITS, DatasetManifest, checksums, sides_of

_VIDEO_COLUMNS = ("video_id", "preferred_video", "other_video")


def verify(folder: Path) -> DatasetManifest:
    """Check a data set; return its manifest.

    Raises:
        ConfigurationError: there is no data set in the folder.
        StateError: it is damaged; the error names the file.
    """
    if not (folder / CHECKSUMS).is_file():
        message = f"{folder} holds no data set: {CHECKSUMS} is missing"
        raise ConfigurationError(message)
    lines = (folder / CHECKSUMS).read_text().splitlines()
    wanted, found = {line[66:]: line[:64] for line in lines}, checksums(folder)
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong:
        states = (f"{name} ({_state(wanted.get(name), found.get(name))})" for name in wrong)
        raise StateError(f"{folder} is damaged: {', '.join(states)}. Export it again, or copy it again")
    try:
        manifest = DatasetManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except ValidationError as error:
        message = f"{folder / MANIFEST} is of another version: {str(error).splitlines()[0]}"
        raise StateError(message) from error
    for split in Split:
        _check_side(folder / "data" / SPLITS[split], split, manifest.splits[SPLITS[split]].rows)
    return manifest


def _state(wanted: str | None, found: str | None) -> str:
    if found is None:
        return "missing"
    return "not listed" if wanted is None else "changed"


def _check_side(folder: Path, split: Split, rows: int) -> None:
    data = ds.dataset(folder, format="parquet")
    videos = tuple(name for name in data.schema.names if name in _VIDEO_COLUMNS)
    foreign = sum(
        int((sides_of(pa.Table.from_batches([batch]), videos) != split).sum()) for batch in data.to_batches(list(videos))
    )
    if foreign or data.count_rows() != rows:
        message = f"{folder} holds {data.count_rows()} rows of {rows}, {foreign} of videos of another side: export it again"
        raise StateError(message)
