"""Mulan's multi-label sets: ARFF files, and an XML file that names the labels, as clips with tags. Any such set will do.

Tsoumakas et al., "MULAN: a Java library for multi-label learning", JMLR 2011.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigurationError
from scoring.evaluation.labelled import LabelledSet
from scoring.supervised.clips import LabelledClips

_FOLDER: Final = "mulan"
_LABEL: Final = ".//{*}label"
"""In Mulan's namespace, which some sets leave out."""
_TRUTH: Final = {"true": 1.0, "false": 0.0}
"""How some sets write labels; most have 1 and 0."""


def read_mulan(data: Path) -> Iterator[LabelledSet]:
    """Yield the set of each folder below `mulan/`: NAME.xml, and NAME-train.arff with NAME-test.arff, or NAME.arff alone.

    Raises:
        ConfigurationError: liac-arff is missing, or a file is, or it is not of that form.
    """
    for folder in sorted(path for path in (data / _FOLDER).iterdir() if path.is_dir()):
        yield _read_set(folder)


def _read_set(folder: Path) -> LabelledSet:
    labels = _labels(folder / f"{folder.name}.xml")
    given = [folder / f"{folder.name}-{part}.arff" for part in ("train", "test")]
    files = given if given[0].exists() else [folder / f"{folder.name}.arff"]
    parts = [_read_arff(path, labels) for path in files]
    features, tags = (np.vstack(columns) for columns in zip(*parts, strict=True))
    unknown = np.full(len(tags), np.nan, np.float32)
    clips = LabelledClips(
        features, {"features": features.shape[1]}, unknown, unknown, tags, tuple(labels), np.arange(len(tags), dtype=np.int64)
    )
    test = np.arange(len(tags)) >= len(parts[0][0]) if len(parts) > 1 else None
    return LabelledSet(folder.name, clips, test)


def _labels(path: Path) -> list[str]:
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        message = f"{path} cannot be read ({error}): a folder of mulan/ needs an XML file of its own name that lists the labels"
        raise ConfigurationError(message) from error
    labels = [label.attrib["name"] for label in root.iterfind(_LABEL) if "name" in label.attrib]
    if not labels:
        message = f'{path} names no label: it is to have an element <label name="..."> for each'
        raise ConfigurationError(message)
    return labels


def _read_arff(path: Path, labels: list[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return features [n, d], nominal ones as indicators, and labels [n, t]."""
    try:
        import arff
    except ImportError as error:
        message = "Mulan's sets need liac-arff: install the extra `data`, pip install 'highlights[data]'"
        raise ConfigurationError(message) from error
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            dense = "{" not in next((line for line in _after_data(file)), "")
            file.seek(0)
            loaded = arff.load(file, return_type=arff.DENSE if dense else arff.LOD)
    except (OSError, arff.ArffException) as error:
        message = f"{path} cannot be read as ARFF ({error}): fetch it again"
        raise ConfigurationError(message) from error
    names = [name for name, _ in loaded["attributes"]]
    missing = sorted(set(labels) - set(names))
    if missing:
        message = f"{path} has no attribute {missing[0]!r}, which its XML file names as a label: fetch both again"
        raise ConfigurationError(message)
    columns = _columns(loaded, dense)
    of_label = np.isin(names, labels)
    features = [_numeric(columns[place], kind) for place, (_, kind) in enumerate(loaded["attributes"]) if not of_label[place]]
    tags = np.column_stack([_label_values(columns[names.index(label)], label, path) for label in labels])
    return np.hstack(features).astype(np.float32), tags


def _after_data(lines: Any) -> Iterator[str]:
    """Yield the lines of data."""
    begun = False
    for line in lines:
        if begun and line.strip() and not line.startswith("%"):
            yield line
        begun = begun or line.strip().lower() == "@data"


def _columns(loaded: dict[str, Any], dense: bool) -> list[NDArray[Any]]:
    attributes = loaded["attributes"]
    if dense:
        return [np.array(column, dtype=object) for column in zip(*loaded["data"], strict=True)]
    columns = [np.full(len(loaded["data"]), "0" if isinstance(kind, list) else 0.0, dtype=object) for _, kind in attributes]
    for row, values in enumerate(loaded["data"]):
        for place, value in values.items():
            columns[place][row] = value
    return columns


def _label_values(column: NDArray[Any], label: str, path: Path) -> NDArray[np.float32]:
    """Return a label's column, [n]: 1, 0, and NaN where it is not known."""
    try:
        known = [np.nan if value is None else _TRUTH.get(str(value).lower(), value) for value in column]
        return np.array(known, np.float32)
    except ValueError as error:
        message = f"{path} has values of label {label!r} that are neither 0 and 1 nor true and false: {error}"
        raise ConfigurationError(message) from error


def _numeric(column: NDArray[Any], kind: str | list[str]) -> NDArray[np.float32]:
    """Return a column as [n, 1], or as one indicator per value where it is nominal; NaN where it is not known."""
    if isinstance(kind, list):
        return np.column_stack([(column == value).astype(np.float32) for value in kind])
    return np.array([[np.nan if value is None else value] for value in column], np.float32)
