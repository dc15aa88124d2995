"""Where workers stand, as their ledgers in Kafka say: what waits, what was applied, what was buried and why."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from pydantic import BaseModel

from schemas.errors import DeliveryError, StateError
from schemas.topics import INTERACTIONS
from streams.changelog import LEDGER, read_ledger
from streams.kafka import changelog_name, connection, partitions_of, topic_name
from streams.ledger import Ledger
from streams.settings import Settings

log = structlog.get_logger()

_TIMEOUT_S: Final = 2.0
_PAUSE_AFTER_FAILURE_S: Final = 15.0
_FIRST_LOOK: Final = 8
"""Messages from the end: a flush writes its ledger last; behind it are markers, and what was begun and not committed."""
_LOOK_FURTHER: Final = 16


class Progress(BaseModel):
    """What the workers of all partitions have done."""

    lag: int
    """Interactions in Kafka that no score holds yet, whether or not a worker runs."""
    interactions: int
    """Messages that were read, whatever became of them."""
    dead_letters: dict[str, int]
    """Those of them that could not be applied, by reason."""


class Ledgers:
    """Reads the newest ledger of each partition, for one caller at a time."""

    def __init__(self, settings: Settings) -> None:
        """Connect, without joining the workers' group."""
        self._source = topic_name(settings.kafka, INTERACTIONS)
        self._changelog = changelog_name(settings.group)
        config = {"group.id": "unused", "enable.auto.commit": False, "enable.partition.eof": True, "log_level": 0}
        self._consumer = Consumer(connection(settings.kafka) | config | {"isolation.level": "read_committed"})
        self._paused_until = 0.0

    def progress(self) -> Progress | None:
        """Return what is known now; None before there is a ledger, and for some seconds after Kafka has not answered."""
        if time.monotonic() < self._paused_until:
            return None
        try:
            return self._read()
        except (KafkaException, DeliveryError, StateError) as error:
            log.warning("ledgers not read", error=str(error).splitlines()[0])
            self._paused_until = time.monotonic() + _PAUSE_AFTER_FAILURE_S
            return None

    def _read(self) -> Progress | None:
        topics = self._consumer.list_topics(timeout=_TIMEOUT_S).topics
        if self._source not in topics or self._changelog not in topics:
            return None
        places = partitions_of(self._source, len(topics[self._source].partitions))
        ledgers, lag = self._newest(len(places)), 0
        for place in places:
            first, end = self._consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)
            ledger = ledgers.get(place.partition)
            lag += max(0, end - max(first, ledger.applied_offset + 1 if ledger else 0))
        letters = Counter[str]()
        for ledger in ledgers.values():
            letters.update(ledger.dead_letters)
        consumed = sum(ledger.consumed for ledger in ledgers.values())
        return Progress(lag=lag, interactions=consumed, dead_letters=dict(letters))

    def _newest(self, partitions: int) -> dict[int, Ledger]:
        """Return the newest ledger of each partition that has one, looking ever further back."""
        found: dict[int, Ledger] = {}
        ends = {
            place.partition: self._consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)
            for place in partitions_of(self._changelog, partitions)
        }
        looked = _FIRST_LOOK
        while wanted := {partition for partition in ends if partition not in found}:
            begins = {partition: max(ends[partition][0], ends[partition][1] - looked) for partition in wanted}
            for message in self._messages(begins):
                if message.key() == LEDGER:
                    found[message.partition()] = read_ledger(message.value())
            ends = {partition: ends[partition] for partition in wanted if begins[partition] > ends[partition][0]}
            looked *= _LOOK_FURTHER
        return found

    def _messages(self, begins: Mapping[int, int]) -> Iterator[Message]:
        """Yield the changelog's messages from an offset of each partition to its present end, and fetch no more after that."""
        self._consumer.assign([TopicPartition(self._changelog, partition, begin) for partition, begin in begins.items()])
        try:
            yield from self._until_end(set(begins))
        finally:
            self._consumer.unassign()

    def _until_end(self, open_partitions: set[int]) -> Iterator[Message]:
        while open_partitions:
            message = self._consumer.poll(_TIMEOUT_S)
            if message is None:
                text = f"Kafka has not answered for {_TIMEOUT_S:.0f} s while a changelog was read"
                raise DeliveryError(text)
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                open_partitions.discard(message.partition())
            elif error.fatal():
                raise KafkaException(error)
