"""QVHighlights: what people think of the clips of videos, and what published models say of them.

Lei, Berg and Bansal, "QVHighlights: detecting moments and highlights in videos via natural language queries", NeurIPS 2021.
Any folder with the same shape will do: other queries, other models, other numbers of people.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from schemas.errors import ConfigurationError
from schemas.limits import MAX_SCORE
from scoring.evaluation.signalled import SignalledClips

_FOLDER: Final = "qvhighlights"
_STEP_SECONDS: Final = 2
_HIGHEST: Final = 4
"""People's saliency is 0-4; 0 where the clip does not fit the query."""
_SEGMENT: Final = re.compile(r"(?P<source>.+)_[\d.]+_[\d.]+")


def read_qvhighlights(data: Path) -> SignalledClips:
    """Read `qvhighlights/*.jsonl` (people's saliency) and `qvhighlights/scores/*.jsonl` (one file a model) below a folder.

    A query that a model has no scores for has NaN there. Segments of one source video count as one video.

    Raises:
        ConfigurationError: a file is missing, or is not of that shape.
    """
    folder = data / _FOLDER
    queries = [query for path in _files(folder) for query in _read(path)]
    models = {path.stem: {row["qid"]: row for row in _read(path)} for path in _files(folder / "scores")}
    try:
        labels = [_labels(query) for query in queries]
        scores = [_scores(query, models, len(label)) for query, label in zip(queries, labels, strict=True)]
        videos = [_source(query["vid"]) for query in queries]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        message = f"{folder} does not hold QVHighlights ({type(error).__name__}: {error}): fetch it again"
        raise ConfigurationError(message) from error
    lengths = [len(label) for label in labels]
    return SignalledClips(
        name="QVHighlights",
        signals=tuple(models),
        value=np.concatenate(scores, axis=1),
        label=np.concatenate(labels) * MAX_SCORE / _HIGHEST,
        video=np.repeat(np.unique(videos, return_inverse=True)[1], lengths),
        listed_with=np.repeat(np.arange(len(queries)), lengths),
        seconds=_STEP_SECONDS,
    )


def _files(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.jsonl"))
    if not found:
        message = f"there is no {folder}/*.jsonl: give the folder that holds {_FOLDER}/*.jsonl and {_FOLDER}/scores with --data"
        raise ConfigurationError(message)
    return found


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        return [orjson.loads(line) for line in path.read_bytes().splitlines() if line.strip()]
    except orjson.JSONDecodeError as error:
        message = f"{path} is no JSON, one object a line ({error}): fetch it again"
        raise ConfigurationError(message) from error


def _labels(query: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return the mean saliency of each step, 0-4."""
    label = np.zeros(int(query["duration"]) // _STEP_SECONDS)
    for step, people in zip(query["relevant_clip_ids"], query["saliency_scores"], strict=True):
        if step < len(label):
            label[step] = np.mean(people)
    return label


def _scores(query: Mapping[str, Any], models: Mapping[str, Mapping[int, Any]], steps: int) -> NDArray[np.float64]:
    """Return each model's score of each step, [models, steps]; some models leave out a last, shorter step."""
    scores = np.full((len(models), steps), np.nan)
    for row, of_query in zip(scores, models.values(), strict=True):
        said = of_query.get(query["qid"], {"pred_saliency_scores": []})["pred_saliency_scores"][:steps]
        row[: len(said)] = said
    return scores


def _source(segment: str) -> str:
    match = _SEGMENT.fullmatch(segment)
    return match["source"] if match else segment
