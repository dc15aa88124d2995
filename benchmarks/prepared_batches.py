"""Record batches made ahead: a sender that leaves the cores to what is measured.

A producer that takes messages one by one costs about 2 CPU s a million, more than the worker; this one only writes to a socket, a
hundred times a second at any rate. What arrives is what a producer with lz4 would have sent that lingers for 10 ms, but that
messages say when they were prepared, not when they are sent.
"""

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import islice
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

_LINGER_S: Final = 0.01
"""What comes in this time is one request, with a batch for each partition."""
_TIME: Final = re.compile(rb'"occurred_at_ms":\d+')
_TIMEOUT_MS: Final = 30_000
_FORMAT, _LZ4, _NO_PRODUCER = 2, 3, -1


class PreparedRequest(NamedTuple):
    """Messages that are sent together."""

    messages: int
    due: int
    """How many messages have been sent when these have."""
    batches: list[tuple[int, bytes]]
    """Partition and record batch, as it is sent."""


def prepare(source: SimulateSource, kafka: KafkaSettings, rate: float) -> Iterator[PreparedRequest]:
    """Yield the interactions of a source as they are sent at a rate; what does not fill a request at the end is left out."""
    partitions = partition_counts(kafka)[topic_name(kafka, INTERACTIONS)]
    now_ms, size, due = int(time.time() * 1000), max(1, round(rate * _LINGER_S)), 0
    messages = (message for batch in source.batches() for message in zip(batch.keys, batch.values, strict=True))
    while len(together := list(islice(messages, size))) == size:
        gathered: defaultdict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
        for key, value in together:
            gathered[_partition_of(key, partitions)].append((key, value))
        due += size
        yield PreparedRequest(size, due, [(partition, build(some, now_ms)) for partition, some in gathered.items()])


def build(messages: list[tuple[bytes, bytes]], time_ms: int) -> bytes:
    """Return (key, value) pairs as a record batch; each happened, and was sent, at a time."""
    builder = DefaultRecordBatchBuilder(_FORMAT, _LZ4, 0, _NO_PRODUCER, _NO_PRODUCER, _NO_PRODUCER, 1 << 30)
    for offset, (key, value) in enumerate(messages):
        builder.append(offset, time_ms, key, _TIME.sub(b'"occurred_at_ms":%d' % time_ms, value), [])
    return bytes(builder.build())


@cache
def _partition_of(key: bytes, partitions: int) -> int:
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


class _Connection:
    """Sends requests as they are, to a Kafka of one broker."""

    def __init__(self, servers: str, topic: str) -> None:
        """Name the broker and the topic."""
        self._client = AIOKafkaClient(bootstrap_servers=servers)
        self._topic = topic

    async def start(self) -> None:
        """Connect."""
        await self._client.bootstrap()
        await self._client.set_topics([self._topic])

    async def send(self, batches: list[tuple[int, bytes]]) -> None:
        """Send record batches of different partitions together, and wait until the broker has them.

        Raises:
            aiokafka.errors.KafkaError: one was not taken.
        """
        leader = self._client.cluster.leader_for_partition(TopicPartition(self._topic, batches[0][0]))
        answer = await self._client.send(leader, ProduceRequest(None, 1, _TIMEOUT_MS, [(self._topic, batches)]))
        for _, places in answer.topics:
            for place in places:
                if place[1]:
                    raise for_code(place[1])

    async def close(self) -> None:
        """Disconnect."""
        await self._client.close()


async def send_at_rate(
    kafka: KafkaSettings, topic: str, requests: Sequence[PreparedRequest], rate: float, meanwhile: Callable[[float], object]
) -> float:
    """Send each request when it is due, or as soon after as can be; return the seconds that it took.

    Args:
        kafka, topic: where to.
        requests: as `prepare` makes them.
        rate: messages a second.
        meanwhile: is called after each request with the seconds since the beginning.
    """
    connection = _Connection(kafka.bootstrap_servers or "", topic)
    await connection.start()
    started = time.time()
    async with asyncio.TaskGroup() as answers:
        for request in requests:
            await asyncio.sleep(max(0.0, started + request.due / rate - time.time()))
            answers.create_task(connection.send(request.batches))
            meanwhile(time.time() - started)
    took_s = time.time() - started
    await connection.close()
    return took_s
