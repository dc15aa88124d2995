"""What a model says of a file's clips, to topic `supervised-scores`, where workers cache it.

Messages are the same bytes each time, and what the topic already holds is not sent again: a run that was cut short goes on.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigurationError
from schemas.limits import MAX_SCORE
from schemas.supervised import SCHEMA_VERSION
from schemas.topics import SUPERVISED_SCORES
from scoring.supervised.model import SupervisedModel
from streams.kafka import VerifiedProducer, topic_name
from streams.settings import KafkaSettings
from streams.supervised.cast_table import DIGITS, Cast, importance_of
from streams.supervised.feature_file import ClipRows, read_rows
from streams.supervised.releases import models
from streams.supervised.score_topic import message_of, messages_of
from streams.supervised.training import feature_matrix

_LEAST_SD: Final = 10.0**-DIGITS


class Scored(NamedTuple):
    """What a run has done."""

    videos: int
    clips: int
    unchanged: int
    """Videos of which the topic held the same already."""


def load_model(folder: Path, release: str | None) -> tuple[str, SupervisedModel]:
    """Return a release's name and model; those of the one that holds, when none is named.

    Raises:
        ConfigurationError: there is no such release, or none at all.
        StateError: it is damaged.
    """
    releases = models(folder)
    name = release or releases.current
    if name is None:
        message = f"there is no model in {folder}: make one with `highlights train-supervised FILE`"
        raise ConfigurationError(message)
    try:
        return name, SupervisedModel.of(releases.manifest(name).model, releases.tensors(name))
    except (KeyError, TypeError, RuntimeError) as error:
        message = f"model {name} in {folder} was made by another version of this program ({error}): train it again"
        raise ConfigurationError(message) from error


def publish_scores(
    settings: KafkaSettings,
    partitions: int,
    path: Path,
    release: str,
    model: SupervisedModel,
    cast: Cast,
    told: Callable[[int], Any] = lambda _clips: None,
) -> Scored:
    """Score a file's clips, and send the videos whose scores are new; return when all have arrived.

    Args:
        settings: of Kafka.
        partitions: of the topic.
        path: of the file, see `schemas.features`.
        release: of the model, which every message names.
        model: to score with.
        cast: the people of some videos.
        told: is called with the number of clips scored since it was called last.

    Raises:
        ConfigurationError: the file cannot be read, or is not what the model learned from.
        DeliveryError: Kafka does not take the messages.
    """
    held = _held(settings, partitions)
    producer, topic = VerifiedProducer(settings), topic_name(settings, SUPERVISED_SCORES)
    counts: Counter[str] = Counter()
    for rows in whole_videos(read_rows(path)):
        for video_id, value in messages(rows, release, model, cast):
            key = video_id.encode()
            if held.get(key) == _digest(value):
                counts["unchanged"] += 1
            else:
                producer.send(topic, key=key, value=value)
            counts["videos"] += 1
        counts["clips"] += len(rows.video_id)
        told(len(rows.video_id))
    producer.verify()
    return Scored(counts["videos"], counts["clips"], counts["unchanged"])


def _held(settings: KafkaSettings, partitions: int) -> dict[bytes, bytes]:
    """Return a digest of what the topic says of each video."""
    return {key: _digest(value) for key, value in messages_of(settings, partitions)}


def _digest(value: bytes) -> bytes:
    return blake2b(value, digest_size=16).digest()


def whole_videos(parts: Iterator[ClipRows]) -> Iterator[ClipRows]:
    """Yield the same rows in parts that end where a video ends.

    Raises:
        ConfigurationError: a video's clips are not together.
    """
    done: set[str] = set()
    left: ClipRows | None = None
    for part in parts:
        rows = part if left is None else _joined(left, part)
        ends = [place for place in range(1, len(rows.video_id)) if rows.video_id[place] != rows.video_id[place - 1]]
        end = ends[-1] if ends else 0
        if end:
            yield _not_again(rows.take(0, end), done)
        left = rows.take(end, len(rows.video_id))
    if left is not None and left.video_id:
        yield _not_again(left, done)


def _not_again(rows: ClipRows, done: set[str]) -> ClipRows:
    names = [name for place, name in enumerate(rows.video_id) if not place or name != rows.video_id[place - 1]]
    twice = next((name for name, count in Counter(names).items() if count > 1 or name in done), None)
    if twice is not None:
        message = f"the clips of video {twice!r} are not together: sort the file by video_id, a message holds a whole video"
        raise ConfigurationError(message)
    done.update(names)
    return rows


def _joined(one: ClipRows, other: ClipRows) -> ClipRows:
    groups = {name: np.concatenate([values, other.groups[name]]) for name, values in one.groups.items()}
    return ClipRows(
        one.video_id + other.video_id, np.concatenate([one.clip_index, other.clip_index]), one.category + other.category, groups,
        np.concatenate([one.score, other.score]), np.concatenate([one.score_sd, other.score_sd]), one.tags + other.tags,
    )  # fmt: skip


def messages(rows: ClipRows, release: str, model: SupervisedModel, cast: Cast) -> Iterator[tuple[str, bytes]]:
    """Yield the id and the message of each video; its clips are in the order of their places.

    Where the cast names a video, a clip without anybody is of importance 0; in other videos importance is not known.

    Raises:
        ConfigurationError: the columns are not those that the model learned, or a message would break the contract.
    """
    if tuple(rows.groups) != model.group_names or tuple(v.shape[1] for v in rows.groups.values()) != model.shape.groups:
        learned = ", ".join(f"{name} ({width})" for name, width in zip(model.group_names, model.shape.groups, strict=True))
        there = ", ".join(f"{name} ({values.shape[1]})" for name, values in rows.groups.items())
        message = f"the file has the features {there}; {release} has learned {learned}, in this order"
        raise ConfigurationError(message)
    clips = _clips(rows, model)
    _add_celebrity(clips, rows, cast)
    starts = [place for place, name in enumerate(rows.video_id) if not place or name != rows.video_id[place - 1]]
    for start, end in zip(starts, [*starts[1:], len(clips)], strict=True):
        video_id = rows.video_id[start]
        output = {
            "schema_version": SCHEMA_VERSION,
            "video_id": video_id,
            "model_version": release,
            "category": next((name for name in rows.category[start:end] if name), None),
            "clips": sorted(clips[start:end], key=lambda clip: clip["clip_index"]),
        }
        yield video_id, message_of(output)


def _clips(rows: ClipRows, model: SupervisedModel) -> list[dict[str, Any]]:
    """Return the clips as messages have them; of the tags those that are said to be there, with their probabilities."""
    outputs = model.outputs(feature_matrix(rows))
    if outputs.mean is None or outputs.sd is None:
        message = (
            "the model has learned tags alone: `supervised-scores` needs a score for each clip; train it on clips with scores"
        )
        raise ConfigurationError(message)
    means = np.round(outputs.mean.astype(np.float64), DIGITS)
    sds = np.clip(np.round(outputs.sd.astype(np.float64), DIGITS), _LEAST_SD, MAX_SCORE)
    clips: list[dict[str, Any]] = [
        {"clip_index": index, "score_mean": mean, "score_sd": sd}
        for index, mean, sd in zip(rows.clip_index.tolist(), means.tolist(), sds.tolist(), strict=True)
    ]
    if outputs.tags is not None:
        _add_tags(clips, outputs.tags.astype(np.float64), model)
    return clips


def _add_celebrity(clips: list[dict[str, Any]], rows: ClipRows, cast: Cast) -> None:
    for clip, video_id in zip(clips, rows.video_id, strict=True):
        if video_id in cast:
            clip["celebrity"] = importance_of(cast, video_id, clip["clip_index"])


def _add_tags(clips: list[dict[str, Any]], probability: NDArray[np.float64], model: SupervisedModel) -> None:
    rows, places = np.nonzero(probability >= model.reliability.thresholds)
    values = np.round(probability[rows, places], DIGITS)
    for row, place, value in zip(rows.tolist(), places.tolist(), values.tolist(), strict=True):
        clips[row].setdefault("tags", {})[model.tag_names[place]] = value
