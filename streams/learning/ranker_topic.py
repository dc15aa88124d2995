"""Sending a release's scores to the workers: all of them, then in every partition the message that lets them hold."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import orjson
import pyarrow as pa

from schemas.ranker import CURRENT_KEY
from schemas.topics import RANKER_SCORES
from scoring.statistics.aggregation import partition_of
from streams.kafka import VerifiedProducer, topic_name
from streams.reading import read
from streams.settings import Settings

SCORE_COLUMNS: Final = pa.schema(
    [("video_id", pa.string()), ("clip_index", pa.uint32()), ("score_mean", pa.float32()), ("score_sd", pa.float32())]
)
"""Of a release's scores, sorted by video."""


def publish_scores(settings: Settings, partitions: int, release: str, scores: pa.Table) -> None:
    """Send a release's scores, and let it hold in every partition.

    A process that dies in between leaves the release before it in force; sending it again, whole, puts that right.

    Args:
        settings: all settings.
        partitions: of the source.
        release: its name.
        scores: SCORE_COLUMNS.

    Raises:
        DeliveryError: Kafka did not take it.
    """
    let_hold(settings, release, stage_scores(settings, partitions, release, scores))


def stage_scores(settings: Settings, partitions: int, release: str, scores: pa.Table) -> list[int]:
    """Send a release's scores, which changes nothing yet; return the number of videos in each partition."""
    producer, topic = VerifiedProducer(settings.kafka), topic_name(settings.kafka, RANKER_SCORES)
    sent = [0] * partitions
    for video_id, value in _messages(release, scores):
        partition = _partition(video_id, partitions)
        producer.send(topic, key=f"{release}/{video_id}".encode(), value=value, partition=partition)
        sent[partition] += 1
        producer.poll()
    producer.verify()
    return sent


def let_hold(settings: Settings, release: str, videos: Sequence[int]) -> None:
    """Say in each partition that a release is complete there, with so many videos, and holds from here on."""
    producer, topic = VerifiedProducer(settings.kafka), topic_name(settings.kafka, RANKER_SCORES)
    for partition, count in enumerate(videos):
        value = orjson.dumps({"schema_version": 1, "release": release, "videos": count})
        producer.send(topic, key=CURRENT_KEY, value=value, partition=partition)
    producer.verify()


def forget_releases(settings: Settings, partitions: int, keep: set[str]) -> int:
    """Delete the scores of all releases but these from the topic; return how many messages that took."""
    producer, topic = VerifiedProducer(settings.kafka), topic_name(settings.kafka, RANKER_SCORES)
    forgotten = 0
    for partition in range(partitions):
        newest = {m.key(): m.value() for messages in read(settings.kafka, topic, partition) for m in messages}
        for key, value in newest.items():
            if value is not None and key and key != CURRENT_KEY and key.split(b"/", 1)[0].decode(errors="replace") not in keep:
                producer.send(topic, key=key, value=None, partition=partition)
                forgotten += 1
    producer.verify()
    return forgotten


def _messages(release: str, scores: pa.Table) -> list[tuple[str, bytes]]:
    """Return (video id, message) of each video."""
    names = scores["video_id"].to_numpy()
    borders = [*np.flatnonzero(np.r_[True, names[1:] != names[:-1]]).tolist(), len(names)] if len(names) else [0]
    index, mean, sd = (scores[name].to_numpy() for name in ("clip_index", "score_mean", "score_sd"))
    found = []
    for start, end in pairwise(borders):
        columns = zip(index[start:end].tolist(), mean[start:end].tolist(), sd[start:end].tolist(), strict=True)
        clips = [{"clip_index": clip, "score_mean": at, "score_sd": spread} for clip, at, spread in columns]
        message = {"schema_version": 1, "release": release, "video_id": names[start], "clips": clips}
        found.append((names[start], orjson.dumps(message)))
    return found


def _partition(video_id: str, partitions: int) -> int:
    raw = np.frombuffer(video_id.encode(), np.uint8)
    return int(partition_of(raw, 0, len(raw), partitions))
