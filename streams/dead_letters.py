"""Reading dead letters, and sending them to their topic again.

Replay is recorded as the committed offsets of a consumer group, moved only when the replayed messages have arrived: a letter
is replayed once, however often the command runs. A message that cannot be applied now either comes back as a new letter.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import chain, islice
from operator import itemgetter
from typing import Final

from confluent_kafka import Consumer, Message, TopicPartition
from pydantic import BaseModel

from schemas.dead_letters import HEADER_PREFIX
from schemas.errors import ConfigurationError
from schemas.topics import DEAD_LETTERS, EXCLUSIONS, FUSION_RELEASES, RANKER_SCORES
from streams.kafka import VerifiedProducer, connection, partition_counts, partitions_of, telling, topic_name
from streams.reading import read as read_topic
from streams.settings import Settings

_PLACE: Final = re.compile(r"(?P<partition>[0-9]{1,9}):(?P<offset>[0-9]{1,18})")
_CHOSEN: Final = (EXCLUSIONS, FUSION_RELEASES, RANKER_SCORES)
"""Topics whose senders choose the partition, which is their letters', too: a key says nothing of it."""


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


class Replayed(BaseModel):
    """What became of the letters that were not replayed yet."""

    replayed: int
    left: dict[str, int]
    """How many stay here for good, by the topic that they came from, which is no more."""


def read(settings: Settings, *, reason: str = "", limit: int | None = None) -> list[DeadLetter]:
    """Return dead letters, the oldest first.

    Args:
        settings: all settings.
        reason: only those with this reason; all when empty.
        limit: at most so many.
    """
    found: list[tuple[int, DeadLetter]] = []
    for messages in _partitions(settings, beginning=True):
        letters = ((message.timestamp()[1], _letter(message)) for message in messages)
        found += islice((entry for entry in letters if reason in ("", entry[1].reason)), limit)
    return [letter for _, letter in sorted(found, key=itemgetter(0))[:limit]]


def show(settings: Settings, place: str) -> DeadLetter:
    """Return one dead letter.

    Raises:
        ConfigurationError: there is none at that place.
    """
    if match := _PLACE.fullmatch(place):
        partition, offset = int(match["partition"]), int(match["offset"])
        topic = topic_name(settings.kafka, DEAD_LETTERS)
        if partition < partition_counts(settings.kafka).get(topic, 0):
            for message in chain.from_iterable(read_topic(settings.kafka, topic, partition, offset, offset)):
                if message.offset() == offset:  # else it is not there, and reading has begun elsewhere
                    return _letter(message)
    text = f"no dead letter at {place!r}: `highlights dead-letters list` shows PARTITION:OFFSET of each"
    raise ConfigurationError(text)


def replay(settings: Settings) -> Replayed:
    """Send the letters that were not replayed yet to their topics again.

    Raises:
        DeliveryError: Kafka did not take them; the next call sends them again.
    """
    producer, topics = VerifiedProducer(settings.kafka), partition_counts(settings.kafka)
    chosen = {topic_name(settings.kafka, topic) for topic in _CHOSEN}
    done: dict[int, int] = {}
    sent, left = 0, Counter[str]()
    for message in chain.from_iterable(_partitions(settings, beginning=False)):
        source = _letter(message).source.rsplit(":", 2)[0]
        if source in topics:
            partition = message.partition() if source in chosen else None
            producer.send(source, key=message.key(), value=message.value(), partition=partition, headers=_own_headers(message))
            sent += 1
        else:
            left[source] += 1
        done[message.partition()] = message.offset() + 1
    producer.verify()
    if done:
        _note_replayed(settings, done)
    return Replayed(replayed=sent, left=left)


def _note_replayed(settings: Settings, done: Mapping[int, int]) -> None:
    """Commit the next offset to replay of each partition."""
    topic = topic_name(settings.kafka, DEAD_LETTERS)
    offsets = [TopicPartition(topic, partition, offset) for partition, offset in done.items()]
    with closing(_group(settings)) as consumer, telling("it could not be noted which dead letters were sent again"):
        consumer.commit(offsets=offsets, asynchronous=False)


def _group(settings: Settings) -> Consumer:
    group = {"group.id": f"{settings.group}-dead-letters", "enable.auto.commit": False, "log_level": 0}
    return Consumer(connection(settings.kafka) | group)


def _partitions(settings: Settings, *, beginning: bool) -> Iterator[Iterator[Message]]:
    """Yield the letters of each partition that there are now, from its beginning or from where the last replay ended.

    The end is fixed before the first is read: one that is replayed may come back while the others are read.
    """
    topic = topic_name(settings.kafka, DEAD_LETTERS)
    places = partitions_of(topic, partition_counts(settings.kafka).get(topic, 0))
    with closing(_group(settings)) as consumer, telling("Kafka does not say which dead letters there are"):
        replayed = consumer.committed(places, timeout=10)
        ends = [consumer.get_watermark_offsets(place, timeout=10)[1] for place in replayed]
    for place, end in zip(replayed, ends, strict=True):
        first = 0 if beginning else max(0, place.offset)
        yield chain.from_iterable(read_topic(settings.kafka, topic, place.partition, first, end - 1))


def _letter(message: Message) -> DeadLetter:
    """Return a letter as people read it; of a message that somebody else has sent here, what there is."""
    facts: dict[str, str] = defaultdict(lambda: "unknown")
    for name, value in message.headers() or ():
        if name.startswith(HEADER_PREFIX):
            facts[name.removeprefix(HEADER_PREFIX)] = (value or b"").decode(errors="backslashreplace")
    value, stamp = message.value(), facts["timestamp_ms"]
    return DeadLetter(
        place=f"{message.partition()}:{message.offset()}",
        reason=facts["reason"],
        detail=facts["detail"],
        source=f"{facts['topic']}:{facts['partition']}:{facts['offset']}",
        timestamp_ms=int(stamp) if stamp.isdecimal() else message.timestamp()[1],
        key=_text(message.key()),
        value=_text(value),
        size=len(value or b""),
    )


def _own_headers(message: Message) -> list[tuple[str, bytes]]:
    return [(name, value) for name, value in message.headers() or () if not name.startswith(HEADER_PREFIX)]


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode(errors="backslashreplace")
