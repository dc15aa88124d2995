"""A Faust transport that delivers a fetched chunk as one message, and leaves committing to the flush.

Faust spends about 70 us on each message, so one message is one chunk. Faust's own acknowledgements are switched off: the
source offset is committed by the flush alone, after ClickHouse and the changelog have what came before it.
"""

from collections.abc import AsyncIterator
from typing import Any

from aiokafka.consumer import fetcher
from faust.transport.drivers.aiokafka import Consumer as AiokafkaConsumer
from faust.transport.drivers.aiokafka import Transport as AiokafkaTransport
from faust.transport.drivers.aiokafka import ensure_aiokafka_TP
from faust.types import TP, ConsumerMessage

from streams.chunks import Chunk


class _RawPartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """Passes the compiled reader's records on, without a second Python object for each: that was 40 % of a worker's time."""

    def _consumer_record(self, tp: Any, record: Any) -> Any:  # noqa: ARG002
        return record


fetcher.PartitionRecords = _RawPartitionRecords  # aiokafka has no other seam; a worker process has no other consumer


class Consumer(AiokafkaConsumer):  # type: ignore[misc]
    """Reads changelogs record by record, as Faust's recovery wants it, and all else in chunks."""

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield what one fetch brought; nothing while the flow is stopped, since what resumes it seeks first."""
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        for tp, fetched in records.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            if active is not None and tp not in active and tp not in self._buffered_partitions:
                continue
            partition = TP(tp.topic, tp.partition)
            self.app.monitor.track_tp_end_offset(partition, self.highwater(tp))
            if self._is_changelog_tp(partition):
                for record in fetched:
                    yield partition, self._to_message(partition, record)
            elif fetched:
                yield partition, self._chunk_message(partition, fetched, generation)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic, tp.partition, record.offset, record.timestamp / 1000.0, record.timestamp_type, record.headers,
            record.key, record.value, None, -1, -1, tp, generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    def _chunk_message(self, tp: TP, fetched: list[Any], generation: int) -> ConsumerMessage:
        last = fetched[-1]
        chunk = Chunk.of_records(tp.topic, tp.partition, fetched)
        return ConsumerMessage(
            tp.topic, tp.partition, last.offset, last.timestamp / 1000.0, last.timestamp_type, (),
            None, chunk, None, 0, 0, tp, generation_id=generation,
        )  # fmt: skip

    def ack(self, message: ConsumerMessage) -> bool:
        """Forget a message that an agent is done with."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: between the last offsets of two chunks nothing is missing."""

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002
        """Do nothing: the flush commits, see `commit_applied`."""
        return False

    async def commit_applied(self, offsets: dict[TP, int]) -> bool:
        """Commit: of each partition the next offset to be applied. False when a rebalance came between."""
        return bool(await self._commit(offsets)) if offsets else True

    async def perform_seek(self) -> None:
        """Go to where the ledgers say; the committed offset only shows the lag."""
        assigned = self.assignment()
        positions = {tp: offset for tp, offset in self.app.positions().items() if tp in assigned}
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


class Transport(AiokafkaTransport):  # type: ignore[misc]
    """`chunks://host:port`."""

    Consumer = Consumer
