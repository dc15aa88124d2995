"""Reading a part of a topic in offset order, outside any group, in chunks: state is computed anew and audited from it."""

import asyncio
from collections.abc import Iterator
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.errors import DeliveryError, UnavailableError
from streams.chunks import Chunk
from streams.credentials import aiokafka_credentials
from streams.kafka import connection
from streams.record_batches import CHUNK_RECORDS
from streams.settings import KafkaSettings

_FETCH_BYTES: Final = 4 << 20
_FETCH_WAIT_MS: Final = 200
_PATIENCE_S: Final = 30.0
_PAUSE_S: Final = 0.2


def read_chunks(settings: KafkaSettings, topic: str, partition: int, first: int, last: int | None = None) -> Iterator[Chunk]:
    """Yield the messages of a partition from offset `first` to `last`, or to the end that it has now.

    Only what was committed is read. Not to be called from a coroutine: it runs an event loop of its own.

    Raises:
        UnavailableError: Kafka does not answer.
        DeliveryError: the partition cannot be read.
    """
    place = TopicPartition(topic, partition)
    with asyncio.Runner() as runner:
        run = runner.get_loop().run_until_complete  # Runner.run sets up a signal handler at each call, at a chunk's cost
        reader = run(_open(settings))
        try:
            end = run(_seek(reader, place, first))
            end = end if last is None else min(end, last + 1)
            while True:
                chunk = run(_next(reader, place, end))
                if chunk is None:
                    return
                yield chunk
        except KafkaError as error:
            raise DeliveryError(_message(topic, error)) from error
        finally:
            run(_stop(reader))


async def _open(settings: KafkaSettings) -> AIOKafkaConsumer:
    """Return a reader; a broker that is on its way back is waited for."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE_S
    while True:
        reader = _reader(settings)
        try:
            await reader.start()
        except KafkaError as error:
            await _stop(reader)
            if asyncio.get_running_loop().time() > deadline:
                raise UnavailableError(_message(str(connection(settings)["bootstrap.servers"]), error)) from error
            await asyncio.sleep(_PAUSE_S)
        else:
            return reader


def _reader(settings: KafkaSettings) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=connection(settings)["bootstrap.servers"],
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=_FETCH_BYTES,
        max_poll_records=CHUNK_RECORDS,
        **aiokafka_credentials(settings),
    )


async def _stop(reader: AIOKafkaConsumer) -> None:
    """Close a reader. One that waits for a broker passes on how it cancels that, and leaves its connections open."""
    try:
        await reader.stop()
    except asyncio.CancelledError:
        await reader._client.close()


def _message(what: str, error: KafkaError) -> str:
    return f"{what} cannot be read: {error}"


async def _seek(reader: AIOKafkaConsumer, place: TopicPartition, first: int) -> int:
    """Go to an offset; return the one behind the last committed message that there is."""
    reader.assign([place])
    reader.seek(place, max(0, first))
    return int((await reader.end_offsets([place]))[place])


async def _next(reader: AIOKafkaConsumer, place: TopicPartition, end: int) -> Chunk | None:
    """Return the next messages before `end`, None where there are no more: the last offsets may be a transaction's markers."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE_S
    while await reader.position(place) < end:
        batches = (await reader.getmany(place, timeout_ms=_FETCH_WAIT_MS)).get(place)
        if batches:
            chunk = Chunk.of(place.topic, place.partition, batches)
            chunk = chunk.part(0, int(chunk.offsets.searchsorted(end)))
            if len(chunk):
                return chunk
        if loop.time() > deadline:
            message = f"Kafka does not answer: nothing has come for {_PATIENCE_S:.0f} s while {place.topic} was read"
            raise UnavailableError(message)
    return None
