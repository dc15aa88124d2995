"""Sending a source's interactions, and supervised outputs, to Kafka."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from schemas.topics import INTERACTIONS, SUPERVISED_SCORES
from streams.kafka import VerifiedProducer, topic_name
from streams.replay.source import ReplaySource
from streams.settings import KafkaSettings

_PACED_MESSAGES = 500


def publish_interactions(
    source: ReplaySource,
    settings: KafkaSettings,
    *,
    rate: float | None = None,
    limit: int | None = None,
    sent: Callable[[int], Any] = lambda _count: None,
) -> int:
    """Send a source's interactions; return how many there were when all have arrived.

    Args:
        source: of interactions.
        settings: of Kafka.
        rate: interactions a second; as fast as possible when None.
        limit: stop after so many.
        sent: is told the number of messages sent since it was told last.

    Raises:
        DeliveryError: Kafka did not take them all.
    """
    producer, topic = VerifiedProducer(settings), topic_name(settings, INTERACTIONS)
    total, started = 0, time.monotonic()
    for batch in source.batches():
        step = len(batch.values) if rate is None else _PACED_MESSAGES
        for start in range(0, len(batch.values), step):
            end = min(start + step, len(batch.values), start + limit - total if limit is not None else start + step)
            for key, value in zip(batch.keys[start:end], batch.values[start:end], strict=True):
                producer.send(topic, key=key, value=value)
            producer.poll()
            total += end - start
            sent(end - start)
            if rate is not None:
                time.sleep(max(0.0, started + total / rate - time.monotonic()))
        if total == limit:
            break
    producer.verify()
    return total


def publish_supervised(messages: Iterable[Mapping[str, Any]], settings: KafkaSettings) -> int:
    """Send supervised outputs, one message a video; return how many there were when all have arrived."""
    producer, topic = VerifiedProducer(settings), topic_name(settings, SUPERVISED_SCORES)
    total = 0
    for message in messages:
        producer.send(topic, key=str(message["video_id"]).encode(), value=orjson.dumps(message))
        total += 1
    producer.verify()
    return total
