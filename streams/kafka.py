"""Kafka as confluent-kafka sees it: connection settings, topics, and a producer whose deliveries are verified."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.errors import ConfigurationError, ContractError, DeliveryError
from schemas.topics import INTERACTIONS, topics
from streams.settings import KafkaSettings

log = structlog.get_logger()

STATISTICS_TABLE = "statistics"

_PROBE_S: Final = 1.0
_REFUSED: Final = (
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)


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


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Have errors of Kafka's client say what failed, and why.

    Raises:
        DeliveryError: Kafka does not answer, or refuses.
    """
    try:
        yield
    except KafkaException as error:
        message = f"{what}: {error.args[0].str()}"
        raise DeliveryError(message) from error
    except TimeoutError as error:
        message = f"{what}: Kafka does not answer in time"
        raise DeliveryError(message) from error


def is_refusal(error: KafkaError) -> bool:
    """Return whether an error is one that waiting does not mend. Who reads a topic outside of any group needs no right to one."""
    return error.fatal() or error.code() in _REFUSED


def topic_name(settings: KafkaSettings, topic: str) -> str:
    """Return the name that a topic of `schemas.topics` has on this Kafka."""
    return settings.topic_prefix + topic


def changelog_name(group: str) -> str:
    """Return the name of the changelog topic of the statistics, as Faust forms it."""
    return f"{group}-{STATISTICS_TABLE}-changelog"


def expected_topics(settings: KafkaSettings, group: str) -> dict[str, dict[str, str]]:
    """Return the settings, as Kafka names them, of each topic that there is to be."""
    configs = {topic_name(settings, topic.name): topic.config() for topic in topics().values()}
    return configs | {changelog_name(group): {"cleanup.policy": "compact", "max.message.bytes": str(16 << 20)}}


def ensure_topics(settings: KafkaSettings, group: str, timeout_s: float = 30.0) -> int:
    """Create the topics that are missing; return the number of partitions of the source.

    Raises:
        ContractError: topics that are to be partitioned alike are not.
        DeliveryError: Kafka does not answer.
    """
    present = partition_counts(settings, timeout_s)
    admin = AdminClient(connection(settings) | {"socket.timeout.ms": int(timeout_s * 1000), "log_level": 0})
    source = topic_name(settings, INTERACTIONS)
    wanted = present.get(source) or settings.interactions_partitions or topics()[INTERACTIONS].partitions
    configs = expected_topics(settings, group)
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
    except TimeoutError as error:
        message = f"topic {name} could not be created: Kafka does not answer within {timeout_s:.0f} s"
        raise DeliveryError(message) from error
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            message = f"topic {name} could not be created: {error.args[0].str()}"
            raise DeliveryError(message) from error


def partition_counts(settings: KafkaSettings, timeout_s: float = 30.0) -> dict[str, int]:
    """Return the number of partitions of each topic that there is; one that is just being created may not be there yet.

    Raises:
        ConfigurationError: Kafka refuses the user, or the two sides do not agree on how to speak.
        DeliveryError: Kafka does not answer in time.
    """
    complaints: list[KafkaError] = []
    admin = AdminClient(connection(settings) | {"log_level": 0, "error_cb": complaints.append})
    end = time.monotonic() + timeout_s
    while True:
        try:
            listed = admin.list_topics(timeout=min(_PROBE_S, timeout_s)).topics
        except KafkaException as error:
            admin.poll(0)
            for complaint in complaints:
                _raise_refusal(complaint, settings)
            if time.monotonic() > end:
                message = (
                    f"Kafka at {settings.bootstrap_servers} does not answer: {error.args[0].str()}. Is it up (`highlights up`), "
                    "and are HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS and HIGHLIGHTS_KAFKA__SECURITY_PROTOCOL right?"
                )
                raise DeliveryError(message) from error
        else:
            return {name: len(topic.partitions) for name, topic in listed.items() if topic.partitions}


def _raise_refusal(complaint: KafkaError, settings: KafkaSettings) -> None:
    """Raise what a complaint of the client's means for the settings; it says of its own accord only that nobody answers."""
    kafka, text = f"Kafka at {settings.bootstrap_servers}", complaint.str()
    if "verify failed" in text:
        message = f"the certificate of {kafka} is not trusted: set HIGHLIGHTS_KAFKA__CA_FILE to its authority's"
    elif complaint.code() == KafkaError._SSL or "PLAINTEXT broker listener" in text:
        message = (
            f"{kafka} does not speak {settings.security_protocol} there: check HIGHLIGHTS_KAFKA__SECURITY_PROTOCOL and the port"
        )
    elif complaint.code() in _REFUSED:
        message = (
            f"{kafka} refuses user {settings.username!r}: check HIGHLIGHTS_KAFKA__USERNAME, HIGHLIGHTS_KAFKA__PASSWORD and "
            "HIGHLIGHTS_KAFKA__SASL_MECHANISM"
        )
    else:
        return
    raise ConfigurationError(message)


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
                "delivery.report.only.error": True,
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


class CommittedOffsets:
    """Watches how far a consumer group has committed a topic."""

    def __init__(self, settings: KafkaSettings, group: str, partitions: int, topic: str = INTERACTIONS) -> None:
        """Connect, without joining the group. A topic that was just created may not list its partitions yet: they are given."""
        self._consumer = Consumer(connection(settings) | {"group.id": group, "log_level": 0})
        self._partitions = partitions_of(topic_name(settings, topic), partitions)
        self._count = 0

    def count(self) -> int:
        """Return the number of offsets before the committed ones; what it was last, while the group has no coordinator."""
        with suppress(KafkaException):
            places = self._consumer.committed(self._partitions, timeout=10)
            self._count = sum(max(0, place.offset) for place in places)
        return self._count
