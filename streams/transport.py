"""A Faust transport that delivers a fetched chunk as one message, and leaves committing to the flush.

Faust spends about 70 us on each message, so one message is one chunk. Faust's own acknowledgements are switched off: the
source offset is committed by the flush alone, after ClickHouse and the changelog have what came before it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, Final

from aiokafka.errors import IllegalStateError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, ensure_aiokafka_TP
from faust.transport.drivers.aiokafka import Consumer as AiokafkaConsumer
from faust.transport.drivers.aiokafka import Transport as AiokafkaTransport
from faust.types import TP, ConsumerMessage
from mode import Service
from mode.threads import WorkerThread

from streams.chunks import Chunk

_WATCH_INTERVAL_S: Final = 1.0
_FETCH_WAIT_MS: Final = 50
"""How long a broker may wait for messages of partitions that are at their end: meanwhile aiokafka asks it for no others."""
_FETCH_LEAST_BYTES: Final = 1 << 20
"""A fetch comes back earlier with so many: one for each batch that a sender writes would take much of a core, here and there."""
_CREATE_TIME: Final = 0


class _DaemonThread(WorkerThread):
    """Does not keep the process alive when the worker has ended by an error before it could stop what it had started."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.daemon = True


class _ConsumerThread(AIOKafkaConsumerThread):
    """Reads only what was committed, as everything else here does: what a sender's transaction takes back never was."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # Faust sets it by its own exactly-once mode alone
        consumer._fetch_max_wait_ms = _FETCH_WAIT_MS  # Faust sets 1,500
        consumer._fetch_min_bytes = _FETCH_LEAST_BYTES  # Faust leaves it at 1
        return consumer

    def check_membership(self) -> None:
        """Raise the error by which aiokafka's part in the group has ended, if it has.

        A broker that has just come back may not know its topics for a moment: a leader that asks then gives partitions to
        nobody, and aiokafka would look again after minutes only. It looks now, and rebalances where it sees more.
        """
        consumer = self._consumer
        if not consumer or not consumer._coordinator:
            return
        consumer._coordinator.check_errors()
        if not consumer.subscription() <= consumer._client.cluster.topics():
            consumer._client.force_metadata_update()

    def rejoin(self) -> None:
        """Have the group make a new generation."""
        if self._consumer and self._consumer._coordinator:
            self._consumer._coordinator.request_rejoin()

    async def on_thread_stop(self) -> None:
        """Go on to the end of the thread when aiokafka passes on the cancellation of its own last fetch, as without a broker."""
        with suppress(asyncio.CancelledError):
            await super().on_thread_stop()

    async def _commit(self, offsets: dict[TP, int]) -> bool:
        """Commit all or nothing: Faust passes over partitions that a rebalance has just taken away, and says that all is well."""
        return offsets.keys() <= self.assignment() and bool(await super()._commit(offsets))


class Consumer(AiokafkaConsumer):
    """Reads in chunks. Changelogs are not for it: see `streams.recovery`."""

    _seeks = 0
    _is_astray = False
    """Something was fetched and dropped, so that the fetcher stands behind it."""

    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon, Worker=_DaemonThread)

    @Service.task
    async def _watch_membership(self) -> None:
        """End the worker when its membership in the group has ended by an error: only a fetch would ask, and none would come."""
        while not self.should_stop:
            await self.sleep(_WATCH_INTERVAL_S)
            await self._thread.call_thread(self._thread.check_membership)

    async def highwaters(self, *partitions: TP) -> dict[TP, int | None]:
        """Tell Faust's recovery, which alone asks, that changelogs hold nothing to read: it reads a record at a time."""
        return dict.fromkeys(partitions)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield what one fetch brought.

        A fetch that a rebalance or a seek has overtaken may come from before or from behind the place to go on at: it is
        dropped, and the next one begins with a seek. What is read twice then is skipped by the ledgers.
        """
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        if self._is_astray and not await self._seek_again():
            return
        generation, seeks = self.app.consumer_generation_id, self._seeks
        records, active = await self._wait_next_records(timeout)
        for tp, fetched in (records or {}).items():
            if not self.flow_active or self.should_stop or (self.app.consumer_generation_id, self._seeks) != (generation, seeks):
                self._is_astray = True
                return
            if not fetched or (active is not None and tp not in active and tp not in self._buffered_partitions):
                continue
            partition = TP(tp.topic, tp.partition)
            self.app.monitor.track_tp_end_offset(partition, self.highwater(tp))
            chunk = Chunk.of(tp.topic, tp.partition, fetched)
            if len(chunk):  # of what was asked for compaction may have left nothing
                yield partition, self._chunk_message(partition, chunk, generation)

    async def _seek_again(self) -> bool:
        try:
            await self.perform_seek()
        except IllegalStateError:  # a partition has been taken from us: a rebalance is under way, and seeks at its end
            self._is_astray = True
        return not self._is_astray

    def _chunk_message(self, tp: TP, chunk: Chunk, generation: int) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic, tp.partition, int(chunk.offsets[-1]), chunk.timestamps_ms[-1] / 1000.0, _CREATE_TIME, (),
            None, chunk, None, 0, 0, tp, generation_id=generation,
        )  # fmt: skip

    def ack(self, message: ConsumerMessage) -> bool:
        """Forget a message that an agent is done with."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: between the last offsets of two chunks nothing is missing."""

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002 Faust's signature
        """Do nothing: the flush commits, see `commit_applied`."""
        return False

    async def end_offsets(self, partitions: set[TP]) -> Mapping[TP, int]:
        """Ask Kafka for the offsets after the last messages; a fetch would tell only while it fetches."""
        found: Mapping[TP, int] = await self._thread.highwaters(*partitions)
        return found

    async def commit_applied(self, offsets: dict[TP, int]) -> bool:
        """Commit: of each partition the next offset to be applied. False, and nothing, if a rebalance or the end is first."""
        return not self._thread.should_stop and bool(await self._commit(offsets))

    async def rejoin(self) -> None:
        """Join the group anew: it rebalances, and every partition is taken over again."""
        await self._thread.call_thread(self._thread.rejoin)

    async def perform_seek(self) -> None:
        """Go to where the ledgers say; the committed offset only shows the lag."""
        assigned = self.assignment()
        positions = {tp: offset for tp, offset in self.app.positions().items() if tp in assigned}
        self._is_astray, self._seeks = False, self._seeks + 1
        await self._thread.call_thread(self._seek_all, positions)
        self._read_offset.update({tp: offset or None for tp, offset in positions.items()})

    def _seek_all(self, positions: dict[TP, int]) -> None:
        """Seek, in the consumer's own thread: its fetcher must not find its records gone in the middle of a fetch."""
        consumer = self._thread._ensure_consumer()
        for tp, offset in positions.items():
            consumer.seek(ensure_aiokafka_TP(tp), offset)

    async def wait_empty(self) -> None:
        """Flush, before partitions are given up and before the worker stops."""
        await self.app.flush_before_giving_up()


class Transport(AiokafkaTransport):
    """`chunks://host:port`."""

    Consumer = Consumer
