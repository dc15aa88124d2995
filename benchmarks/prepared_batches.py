"""Record batches made ahead, which get their event time when they are sent: a sender that leaves the cores to what is measured.

A producer that takes messages one by one costs about 2 CPU s a million, more than the worker; this one a fraction of it. What
arrives is what a producer with lz4 would have sent.
"""

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from aiokafka.client import AIOKafkaClient
from aiokafka.codec import lz4_encode
from aiokafka.errors import for_code
from aiokafka.partitioner import murmur2
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition
from numpy.typing import NDArray

from schemas.topics import INTERACTIONS
from streams.kafka import partition_counts, topic_name
from streams.replay.simulate import SimulateSource
from streams.settings import KafkaSettings

_MESSAGES: Final = 500
"""Of a batch: what a producer gathers in 5 ms at 400,000 messages a second into 4 partitions."""
_TIME: Final = re.compile(rb'"occurred_at_ms":(\d{13})')
_DIGITS: Final = 13
_TIMEOUT_MS: Final = 30_000
# Places in a record batch of format 2: Kafka's documentation of its message format.
_LENGTH: Final = slice(8, 12)
_CRC: Final = slice(17, 21)
_ATTRIBUTES: Final = slice(21, 23)
_TIMES: Final = slice(27, 43)
_RECORDS: Final = 61
_LZ4: Final = 3


@dataclass(frozen=True)
class PreparedBatch:
    """Messages of one partition, uncompressed."""

    partition: int
    messages: int
    due: int
    """How many messages have been sent when this batch is to be."""
    data: NDArray[np.uint8]
    """A record batch, [bytes]."""
    times: NDArray[np.int64]
    """Where event times begin, [messages]."""

    def at(self, now_ms: int) -> bytes:
        """Return the record batch with this event time, compressed."""
        self.data[self.times[:, None] + np.arange(_DIGITS)] = np.frombuffer(b"%d" % now_ms, np.uint8)
        header, records = bytearray(self.data[:_RECORDS]), lz4_encode(self.data[_RECORDS:].tobytes())
        header[_LENGTH] = (_RECORDS - _LENGTH.stop + len(records)).to_bytes(4)
        header[_ATTRIBUTES] = _LZ4.to_bytes(2)
        header[_TIMES] = now_ms.to_bytes(8) * 2
        header[_CRC] = calc_crc32c(header[_CRC.stop :] + records).to_bytes(4)
        return bytes(header) + records


def prepare(source: SimulateSource, kafka: KafkaSettings) -> Iterator[PreparedBatch]:
    """Yield the interactions of a source by the topic's partitions; what does not fill a batch at the end is left out."""
    partitions = partition_counts(kafka)[topic_name(kafka, INTERACTIONS)]
    gathered: defaultdict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
    count = 0
    for batch in source.batches():
        for key, value in zip(batch.keys, batch.values, strict=True):
            count += 1
            waiting = gathered[_partition_of(key, partitions)]
            waiting.append((key, value))
            if len(waiting) == _MESSAGES:
                yield _build(_partition_of(key, partitions), waiting, count)
                waiting.clear()


def _build(partition: int, messages: list[tuple[bytes, bytes]], due: int) -> PreparedBatch:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 30)
    for offset, (key, value) in enumerate(messages):
        builder.append(offset, 0, key, value, [])
    data = bytes(builder.build())
    times = np.array([found.start(1) for found in _TIME.finditer(data)])
    return PreparedBatch(partition, len(messages), due, np.frombuffer(data, np.uint8).copy(), times)


@cache
def _partition_of(key: bytes, partitions: int) -> int:
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


class BatchSender:
    """Sends record batches as they are."""

    def __init__(self, servers: str, topic: str) -> None:
        """Name the broker and the topic."""
        self._client = AIOKafkaClient(bootstrap_servers=servers)
        self._topic = topic

    async def start(self) -> None:
        """Connect."""
        await self._client.bootstrap()
        await self._client.set_topics([self._topic])

    async def send(self, partition: int, data: bytes) -> None:
        """Send one batch, and wait until the leader has it.

        Raises:
            aiokafka.errors.KafkaError: it was not taken.
        """
        leader = self._client.cluster.leader_for_partition(TopicPartition(self._topic, partition))
        request = ProduceRequest(None, 1, _TIMEOUT_MS, [(self._topic, [(partition, data)])])
        answer = await self._client.send(leader, request)
        for _, places in answer.topics:
            for place in places:
                if place[1]:
                    raise for_code(place[1])

    async def close(self) -> None:
        """Disconnect."""
        await self._client.close()


async def send_at_rate(
    kafka: KafkaSettings, topic: str, batches: Sequence[PreparedBatch], rate: float, meanwhile: Callable[[float], object]
) -> float:
    """Send each batch when it is due, or as soon after as can be; return the seconds that it took.

    Args:
        kafka, topic: where to.
        batches: as `prepare` makes them.
        rate: messages a second.
        meanwhile: is called after each batch with the seconds since the first.
    """
    sender = BatchSender(kafka.bootstrap_servers or "", topic)
    await sender.start()
    started = time.time()
    async with asyncio.TaskGroup() as requests:
        for batch in batches:
            await asyncio.sleep(max(0.0, started + batch.due / rate - time.time()))
            now = time.time()
            requests.create_task(sender.send(batch.partition, batch.at(int(now * 1000))))
            meanwhile(now - started)
    took_s = time.time() - started
    await sender.close()
    return took_s
