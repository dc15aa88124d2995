"""Record batches made ahead: a sender that leaves the cores to what is measured.

A producer that takes messages one by one costs about 2 CPU s a million, more than the worker; this one only writes to a socket.
What arrives is what a producer with lz4 would have sent, but that messages say when they were prepared, not when they are sent.
"""

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.partitioner import murmur2
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from schemas.topics import INTERACTIONS
from streams.kafka import partition_counts, topic_name
from streams.replay.simulate import SimulateSource
from streams.settings import KafkaSettings

_MESSAGES: Final = 500
"""Of a batch: what a producer gathers in 5 ms at 400,000 messages a second into 4 partitions."""
_TIME: Final = re.compile(rb'"occurred_at_ms":\d+')
_TIMEOUT_MS: Final = 30_000
_FORMAT, _LZ4, _NO_PRODUCER = 2, 3, -1


class PreparedBatch(NamedTuple):
    """Messages of one partition."""

    partition: int
    messages: int
    due: int
    """How many messages have been sent when this batch is to be."""
    data: bytes
    """A record batch as it is sent."""


def prepare(source: SimulateSource, kafka: KafkaSettings) -> Iterator[PreparedBatch]:
    """Yield the interactions of a source by the topic's partitions; what does not fill a batch at the end is left out."""
    partitions = partition_counts(kafka)[topic_name(kafka, INTERACTIONS)]
    gathered: defaultdict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
    now_ms, count = int(time.time() * 1000), 0
    for batch in source.batches():
        for key, value in zip(batch.keys, batch.values, strict=True):
            count += 1
            waiting = gathered[_partition_of(key, partitions)]
            waiting.append((key, value))
            if len(waiting) == _MESSAGES:
                yield build(_partition_of(key, partitions), waiting, count, now_ms)
                waiting.clear()


def build(partition: int, messages: list[tuple[bytes, bytes]], due: int, time_ms: int) -> PreparedBatch:
    """Return (key, value) pairs as a batch; each happened, and was sent, at a time."""
    builder = DefaultRecordBatchBuilder(_FORMAT, _LZ4, 0, _NO_PRODUCER, _NO_PRODUCER, _NO_PRODUCER, 1 << 30)
    for offset, (key, value) in enumerate(messages):
        builder.append(offset, time_ms, key, _TIME.sub(b'"occurred_at_ms":%d' % time_ms, value), [])
    return PreparedBatch(partition, len(messages), due, bytes(builder.build()))


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
            requests.create_task(sender.send(batch.partition, batch.data))
            meanwhile(time.time() - started)
    took_s = time.time() - started
    await sender.close()
    return took_s
