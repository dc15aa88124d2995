"""Reading a part of a topic in offset order, outside any group, message by message: see `chunk_reading` for many."""

import time
from collections.abc import Iterator
from typing import Final

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from schemas.errors import DeliveryError, UnavailableError
from streams.kafka import connection, is_refusal
from streams.settings import KafkaSettings

_BATCH: Final = 500
"""Messages that are taken from the client at once: it waits until it has so many, and more take it longer than they save."""
_FETCH_WAIT_S: Final = 0.2
_IDLE_S: Final = 30.0


def read(settings: KafkaSettings, topic: str, partition: int, first: int = 0, last: int | None = None) -> Iterator[list[Message]]:
    """Yield the messages of a partition from offset `first` to `last`, or to its present end, in batches.

    Only what was committed is read. The end is where Kafka says that the partition ends: the last offsets of a partition may
    be a transaction's markers, which are no messages.

    Raises:
        UnavailableError: Kafka does not answer.
        DeliveryError: the partition cannot be read.
    """
    config = {
        "group.id": "unused",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "fetch.message.max.bytes": 4 << 20,
        "fetch.queue.backoff.ms": 5,
        "queued.max.messages.kbytes": 32 << 10,
        "log_level": 0,
    }
    consumer = Consumer(connection(settings) | config)
    try:
        consumer.assign([TopicPartition(topic, partition, first)])
        yield from _until_end(consumer, last)
    finally:
        consumer.close()


def _until_end(consumer: Consumer, last: int | None) -> Iterator[list[Message]]:
    heard, said = time.monotonic(), ""
    while last is None or last >= 0:
        messages = consumer.consume(_BATCH, timeout=_FETCH_WAIT_S)
        good, is_at_end = [message for message in messages if message.error() is None], _at_end(messages)
        if good or is_at_end:
            heard = time.monotonic()
        else:
            said = next((f"; it said: {message.error().str()}" for message in messages), said)
        if time.monotonic() - heard > _IDLE_S:
            text = f"Kafka does not answer: nothing has come for {_IDLE_S:.0f} s while a topic was read{said}"
            raise UnavailableError(text)
        if last is not None and good and good[-1].offset() >= last:
            yield [message for message in good if message.offset() <= last]
            return
        if good:
            yield good
        if is_at_end:
            return


def _at_end(messages: list[Message]) -> bool:
    for message in messages:
        error = message.error()
        if error is not None and error.code() == KafkaError._PARTITION_EOF:
            return True
        if error is not None and is_refusal(error):
            text = f"{message.topic()} cannot be read: {error.str()}"
            raise DeliveryError(text)
    return False
