"""Kafka as confluent-kafka sees it: connection settings, topics, and a producer whose deliveries are verified."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.errors import ConfigurationError, ContractError, DeliveryError
from schemas.topics import INTERACTIONS, topics
from streams.settings import KafkaSettings

log = structlog.get_logger()

STATISTICS_TABLE = "statistics"


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """Return the connection part of a confluent-kafka configuration.

    Raises:
        ConfigurationError: no servers are set.
    """
    if not settings.bootstrap_servers:
        message = (
            "no Kafka: start the embedded one with `highlights up` in another terminal, "
            "or set HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS to your own"
        )
        raise ConfigurationError(message)
    config: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap_servers,
        "security.protocol": settings.security_protocol,
    }
    if settings.security_protocol.startswith("SASL"):
        config["sasl.mechanism"] = settings.sasl_mechanism
        config["sasl.username"] = settings.username or ""
        config["sasl.password"] = settings.password.get_secret_value() if settings.password else ""
    if settings.ca_file:
        config["ssl.ca.location"] = str(settings.ca_file)
    return config


def topic_name(settings: KafkaSettings, topic: str) -> str:
    """Return the name that a topic of `schemas.topics` has on this Kafka."""
    return settings.topic_prefix + topic


def changelog_name(group: str) -> str:
    """Return the name of the changelog topic of the statistics, as Faust forms it."""
    return f"{group}-{STATISTICS_TABLE}-changelog"


def ensure_topics(settings: KafkaSettings, group: str, timeout_s: float = 30.0) -> int:
    """Create the topics that are missing; return the number of partitions of the source.

    Raises:
        ContractError: topics that are to be partitioned alike are not.
        DeliveryError: Kafka does not answer.
    """
    admin = AdminClient(connection(settings) | {"socket.timeout.ms": int(timeout_s * 1000), "log_level": 0})
    present = _partition_counts(admin, timeout_s)
    source = topic_name(settings, INTERACTIONS)
    wanted = present.get(source) or settings.interactions_partitions or topics()[INTERACTIONS].partitions
    configs = {topic_name(settings, topic.name): topic.config() for topic in topics().values()}
    configs[changelog_name(group)] = {"cleanup.policy": "compact", "max.message.bytes": str(16 << 20)}
    missing = [
        NewTopic(name, num_partitions=wanted, replication_factor=settings.replication_factor, config=config)
        for name, config in configs.items()
        if name not in present
    ]
    for name, created in (admin.create_topics(missing, operation_timeout=timeout_s) if missing else {}).items():
        _wait_created(name, created, timeout_s)
    for name in configs:
        if present.get(name, wanted) != wanted:
            message = (
                f"topic {name} has {present[name]} partitions and {source} has {wanted}: they are partitioned by the same key "
                f"and must have the same number; delete {name}, or give it {wanted} partitions"
            )
            raise ContractError(message)
    return wanted


def _wait_created(name: str, created: Any, timeout_s: float) -> None:
    try:
        created.result(timeout_s)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            message = f"topic {name} could not be created: {error.args[0].str()}"
            raise DeliveryError(message) from error


def _partition_counts(admin: AdminClient, timeout_s: float) -> dict[str, int]:
    try:
        listed = admin.list_topics(timeout=timeout_s).topics
    except KafkaException as error:
        message = (
            f"Kafka does not answer: {error.args[0].str()}. Is it up (`highlights up`), "
            "and is HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS right?"
        )
        raise DeliveryError(message) from error
    return {name: len(topic.partitions) for name, topic in listed.items()}


class VerifiedProducer:
    """An idempotent producer that knows whether everything it was given has arrived. Use it from one thread at a time."""

    def __init__(self, settings: KafkaSettings, **overrides: Any) -> None:
        """Connect."""
        self._failed: list[str] = []
        self._producer = Producer(
            connection(settings)
            | {
                "enable.idempotence": True,
                "linger.ms": 5,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000,
                "queue.buffering.max.kbytes": 256 << 10,
                "message.max.bytes": 17 << 20,
                "partitioner": "murmur2_random",
                "delivery.timeout.ms": 30_000,
                "log_level": 3,
            }
            | overrides
        )

    def send(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Queue one message, waiting while the queue is full.

        Raises:
            DeliveryError: it cannot be sent at all.
        """
        where = {} if partition is None else {"partition": partition}
        while True:
            try:
                self._producer.produce(topic, value=value, key=key, headers=list(headers), on_delivery=self._delivered, **where)
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                message = f"Kafka does not take a message of {len(value or b'')} bytes for {topic}: {error.args[0].str()}"
                raise DeliveryError(message) from error
            else:
                return

    def poll(self) -> None:
        """Serve delivery reports."""
        self._producer.poll(0)

    def verify(self, timeout_s: float = 35.0) -> None:
        """Wait until everything has arrived.

        Raises:
            DeliveryError: something has not.
        """
        left = self._producer.flush(timeout_s)
        failed, self._failed = self._failed, []
        if left or failed:
            message = f"Kafka did not take {left + len(failed)} messages: {failed[0] if failed else 'no answer in time'}"
            raise DeliveryError(message)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed.append(f"{message.topic()}: {error.str()}")


def partitions_of(topic: str, partitions: int) -> list[TopicPartition]:
    """Return the partitions of a topic."""
    return [TopicPartition(topic, partition) for partition in range(partitions)]


class CommittedInteractions:
    """Watches how far a consumer group has committed the source."""

    def __init__(self, settings: KafkaSettings, group: str) -> None:
        """Connect, without joining the group."""
        topic = topic_name(settings, INTERACTIONS)
        self._consumer = Consumer(connection(settings) | {"group.id": group, "log_level": 0})
        self._partitions = partitions_of(topic, len(self._consumer.list_topics(topic, timeout=10).topics[topic].partitions))
        self._count = 0

    def count(self) -> int:
        """Return the number of offsets before the committed ones; what it was last, while the group has no coordinator."""
        with suppress(KafkaException):
            places = self._consumer.committed(self._partitions, timeout=10)
            self._count = sum(max(0, place.offset) for place in places)
        return self._count
