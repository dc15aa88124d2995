"""The one writer of a partition's changelog and dead letters.

Each flush is a Kafka transaction, under an id that belongs to the partition, not to the worker. So it appears whole or not at
all, and as soon as a worker takes a partition over, Kafka turns away whatever its predecessor still sends: a worker that was
paused, cut off or given up for dead cannot write old state over new.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from schemas.errors import DeliveryError, FencedError, StateError, UnavailableError
from streams.kafka import connection
from streams.settings import KafkaSettings

_FENCED: Final = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
_TIMEOUT_S: Final = 30.0


class PartitionWriter:
    """Writes in transactions. Use it from one thread at a time.

    After a DeliveryError, `begin` again: what the failed transaction had written is void.
    """

    def __init__(self, settings: KafkaSettings, group: str, partition: int) -> None:
        """Take the partition: every earlier writer of it is shut out from here on.

        Raises:
            UnavailableError: Kafka does not answer.
            DeliveryError: Kafka refuses.
        """
        self.partition = partition
        self._producer = Producer(
            connection(settings)
            | {
                "transactional.id": f"{group}-{partition}",
                "transaction.timeout.ms": 300_000,
                "delivery.timeout.ms": 30_000,
                "linger.ms": 5,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000,
                "queue.buffering.max.kbytes": 64 << 10,
                "message.max.bytes": 17 << 20,
                "log_level": 0,
            }
        )
        self._is_void = False
        self._is_committing = False
        try:
            self._call(self._producer.init_transactions, _TIMEOUT_S)
        except UnavailableError as error:
            message = f"Kafka does not answer while partition {partition} is taken over: {error}"
            raise UnavailableError(message) from error

    def begin(self) -> bool:
        """Begin a transaction. False when the one before is written, and only its commit is still to be confirmed."""
        if self._is_committing:
            return False
        if self._is_void:
            self._call(self._producer.abort_transaction, _TIMEOUT_S)
        self._is_void = True
        self._call(self._producer.begin_transaction)
        return True

    def send(
        self, topic: str, *, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]] = ()
    ) -> None:
        """Queue one message for this partition of a topic, waiting while the queue is full.

        Raises:
            DeliveryError: it cannot be sent.
            FencedError: the partition has another writer.
        """
        while True:
            try:
                self._call(self._producer.produce, topic, value, key, self.partition, headers=list(headers))
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def commit(self) -> None:
        """Make everything since `begin` valid at once; return when it is.

        Raises:
            DeliveryError: Kafka did not take something, or does not answer.
            FencedError: the partition has another writer.
        """
        self._is_committing = True
        self._call(self._producer.commit_transaction, _TIMEOUT_S)
        self._is_committing = self._is_void = False

    def _call(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        try:
            function(*arguments, **options)
        except KafkaException as exception:
            raise self._judged(exception.args[0]) from exception

    def _judged(self, error: KafkaError) -> Exception:
        if error.code() in _FENCED:
            return FencedError(self.partition)
        if error.txn_requires_abort() or not error.retriable():
            self._is_committing = False
        if error.fatal():
            message = f"Kafka's client cannot write partition {self.partition} any more: {error.str()}. Start the worker again"
            return StateError(message)
        kind = UnavailableError if error.retriable() else DeliveryError
        return kind(f"Kafka did not take what partition {self.partition} has to write: {error.str()}")
