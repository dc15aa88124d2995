"""Reading dead letters, and sending them to their topic again.

Replay is recorded as the committed offsets of a consumer group, moved only when the replayed messages have arrived: a letter
is replayed once, however often the command runs. A message that cannot be applied now either comes back as a new letter.
"""

from collections.abc import Iterator
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition
from pydantic import BaseModel

from schemas.dead_letters import HEADER_PREFIX
from schemas.errors import ConfigurationError
from schemas.topics import DEAD_LETTERS
from streams.kafka import VerifiedProducer, connection, partition_counts, partitions_of, topic_name
from streams.reading import read as read_topic
from streams.settings import Settings


class DeadLetter(BaseModel):
    """A message that could not be applied."""

    place: str
    """PARTITION:OFFSET in topic dead-letters."""
    reason: str
    detail: str
    source: str
    """TOPIC:PARTITION:OFFSET where it came from."""
    timestamp_ms: int
    key: str | None
    value: str | None
    """Bytes that are not UTF-8 are shown as \\xNN."""
    size: int


def read(settings: Settings, *, reason: str = "", limit: int | None = None) -> list[DeadLetter]:
    """Return dead letters in their order.

    Args:
        settings: all settings.
        reason: only those with this reason; all when empty.
        limit: at most so many.
    """
    letters = []
    for message in _messages(settings, beginning=True):
        letter = _letter(message)
        if not reason or letter.reason == reason:
            letters.append(letter)
        if limit is not None and len(letters) == limit:
            break
    return letters


def show(settings: Settings, place: str) -> DeadLetter:
    """Return one dead letter.

    Raises:
        ConfigurationError: there is none at that place.
    """
    for message in _messages(settings, beginning=True):
        if f"{message.partition()}:{message.offset()}" == place:
            return _letter(message)
    text = f"no dead letter at {place!r}: `highlights dead-letters list` shows PARTITION:OFFSET of each"
    raise ConfigurationError(text)


def replay(settings: Settings) -> int:
    """Send the letters that were not replayed yet to their topics again; return how many."""
    producer, sent = VerifiedProducer(settings.kafka), 0
    done: dict[int, int] = {}
    for message in _messages(settings, beginning=False):
        source = _letter(message).source.rsplit(":", 2)[0]
        producer.send(source, key=message.key(), value=message.value(), headers=_own_headers(message))
        done[message.partition()] = message.offset() + 1
        sent += 1
    producer.verify()
    if done:
        topic, consumer = topic_name(settings.kafka, DEAD_LETTERS), _group(settings)
        consumer.commit(offsets=[TopicPartition(topic, part, offset) for part, offset in done.items()], asynchronous=False)
        consumer.close()
    return sent


def _group(settings: Settings) -> Consumer:
    group = {"group.id": f"{settings.worker.group}-dead-letters", "enable.auto.commit": False, "log_level": 0}
    return Consumer(connection(settings.kafka) | group)


def _messages(settings: Settings, *, beginning: bool) -> Iterator[Message]:
    """Yield all letters there are now, from the beginning or from where the last replay ended.

    The end is fixed before the first is read: one that is replayed may come back while the others are read.
    """
    topic = topic_name(settings.kafka, DEAD_LETTERS)
    places = partitions_of(topic, partition_counts(settings.kafka).get(topic, 0))
    consumer = _group(settings)
    try:
        replayed = consumer.committed(places, timeout=10)
        ends = [consumer.get_watermark_offsets(place, timeout=10)[1] for place in replayed]
    finally:
        consumer.close()
    for place, end in zip(replayed, ends, strict=True):
        first = 0 if beginning else max(0, place.offset)
        for messages in read_topic(settings.kafka, topic, place.partition, first, end - 1):
            yield from messages


def _letter(message: Message) -> DeadLetter:
    facts: dict[str, Any] = {
        name.removeprefix(HEADER_PREFIX): value.decode()
        for name, value in message.headers() or ()
        if name.startswith(HEADER_PREFIX)
    }
    value = message.value()
    return DeadLetter(
        place=f"{message.partition()}:{message.offset()}",
        reason=facts["reason"],
        detail=facts["detail"],
        source=f"{facts['topic']}:{facts['partition']}:{facts['offset']}",
        timestamp_ms=int(facts["timestamp_ms"]),
        key=_text(message.key()),
        value=_text(value),
        size=len(value or b""),
    )


def _own_headers(message: Message) -> list[tuple[str, bytes]]:
    return [(name, value) for name, value in message.headers() or () if not name.startswith(HEADER_PREFIX)]


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode(errors="backslashreplace")
