"""From a topic of a source's events to topic `interactions`: at least once, in order, with the same output for the same input.

What is committed is the offset of the first event that the adapter's state still needs, and, as its metadata, the offset up to
which everything has been sent. A forwarder that starts again reads from the first and sends from the second on: its state is
as if it had never stopped, and only what was sent after the last commit is sent twice. To workers that is a duplicate.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.dead_letters import headers_of
from schemas.errors import ConfigurationError, DeliveryError
from schemas.topics import DEAD_LETTERS, INTERACTIONS
from streams.adapters.adapter import Adapter, EventSource, Unread
from streams.kafka import VerifiedProducer, connection, is_refusal, partition_counts, telling, topic_name
from streams.settings import Settings

log = structlog.get_logger()

_BATCH: Final = 5_000
_WAIT_S: Final = 0.5
_COMMIT_EVERY_S: Final = 1.0
_TIMEOUT_S: Final = 30.0
_FINAL: Final = (KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART)


@dataclass
class Counts:
    """What has been done."""

    events: int = 0
    interactions: int = 0
    dead_letters: int = 0


@dataclass
class _Place:
    """One partition of the source."""

    adapter: Adapter
    sent_up_to: int
    """The next offset whose output is to be sent."""
    next_offset: int


class Forwarder:
    """Reads a topic, adapts, sends, commits. Use it from one thread."""

    def __init__(self, settings: Settings, source: EventSource, topic: str) -> None:
        """Join the group of this source and topic.

        Raises:
            ConfigurationError: there is no such topic.
            DeliveryError: Kafka does not answer.
        """
        if topic not in partition_counts(settings.kafka):
            message = f"--from {topic}: Kafka has no such topic; HIGHLIGHTS_KAFKA__TOPIC_PREFIX is not put before it"
            raise ConfigurationError(message)
        self.counts = Counts()
        self._source, self._topic, self._settings = source, topic, settings
        self._interactions, self._dead_letters = (topic_name(settings.kafka, name) for name in (INTERACTIONS, DEAD_LETTERS))
        self._places: dict[int, _Place] = {}
        self._producer = VerifiedProducer(settings.kafka)
        self._committed_at = time.monotonic()
        group = {
            "group.id": f"{settings.group}-adapt-{source}-{topic}",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "session.timeout.ms": int(settings.worker.session_timeout_s * 1000),
            "log_level": 0,
        }
        self._consumer = Consumer(connection(settings.kafka) | group)
        self._consumer.subscribe([topic], on_assign=self._take, on_revoke=self._give_back, on_lost=self._lose)

    def run(self, should_stop: Callable[[], bool]) -> Counts:
        """Forward until it is to stop; return what was done, when all of it has arrived.

        Raises:
            DeliveryError: Kafka did not take it, or does not let the topic be read.
        """
        try:
            while not should_stop():
                self._forward(self._consumer.consume(_BATCH, timeout=_WAIT_S))
                if time.monotonic() - self._committed_at > _COMMIT_EVERY_S:
                    self._commit()
            self._commit()
        except BaseException:
            self._places.clear()  # closing commits what we have, and not all of it has arrived
            raise
        finally:
            self._consumer.close()
        return self.counts

    def _forward(self, messages: list[Message]) -> None:
        for message in messages:
            error = message.error()
            if error is None:
                self._adapt(message)
            elif is_refusal(error) or error.code() in _FINAL:
                text = f"topic {self._topic} cannot be read: {error.str()}"
                raise DeliveryError(text)
        self._producer.poll()

    def _adapt(self, message: Message) -> None:
        place, offset = self._places[message.partition()], message.offset()
        adapted = place.adapter.adapt(message.value(), offset, message.timestamp()[1])
        place.next_offset = offset + 1
        if offset < place.sent_up_to:
            return
        self.counts.events += 1
        for interaction in adapted.interactions:
            self._producer.send(self._interactions, key=interaction.video_id.encode(), value=interaction.to_json())
        for unread in adapted.unread:
            self._bury(message, unread)
        self.counts.interactions += len(adapted.interactions)
        self.counts.dead_letters += len(adapted.unread)

    def _bury(self, message: Message, unread: Unread) -> None:
        added = headers_of(unread.rejection, self._topic, message.partition(), message.offset(), message.timestamp()[1])
        headers = [*(message.headers() or ()), *added]
        self._producer.send(self._dead_letters, key=message.key(), value=unread.value, headers=headers)

    def _commit(self) -> None:
        """Commit what has arrived; what a rebalance prevents is committed later, or done again by whoever has the partition."""
        self._producer.verify()
        self._committed_at = time.monotonic()
        moved = [self._offset_of(partition) for partition, place in self._places.items() if place.next_offset > place.sent_up_to]
        if not moved:
            return
        try:
            self._consumer.commit(offsets=moved, asynchronous=False)
        except KafkaException as error:
            log.warning("offsets not committed", error=error.args[0].str())
            return
        for place in self._places.values():
            place.sent_up_to = max(place.sent_up_to, place.next_offset)
        log.info("forwarded", **vars(self.counts))

    def _offset_of(self, partition: int) -> TopicPartition:
        place = self._places[partition]
        needed = place.adapter.first_offset
        offset = place.next_offset if needed is None else needed
        return TopicPartition(self._topic, partition, offset, metadata=str(place.next_offset))

    def _take(self, consumer: Consumer, taken: list[TopicPartition]) -> None:
        idle_ms = int(self._settings.statistics.session_window_hours * 3_600_000)
        with telling("it is not known how far events were forwarded"):
            places = consumer.committed(taken, timeout=_TIMEOUT_S)
        for place in places:
            sent_up_to = int(place.metadata or 0)
            self._places[place.partition] = _Place(Adapter(self._source, idle_ms), sent_up_to, sent_up_to)

    def _give_back(self, _consumer: Consumer, given: list[TopicPartition]) -> None:
        self._commit()
        self._lose(_consumer, given)

    def _lose(self, _consumer: Consumer, lost: list[TopicPartition]) -> None:
        for place in lost:
            self._places.pop(place.partition, None)
