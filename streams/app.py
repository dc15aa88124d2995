"""The Faust app: agents for interactions and for supervised outputs, the table of statistics, and the flush."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import faust
import structlog
from clickhouse_connect.driver.client import Client
from faust.app.base import BootStrategy
from faust.types import TP, EventT, StreamT

from schemas.errors import StateError
from schemas.topics import INTERACTIONS, SUPERVISED_SCORES
from scoring.statistics.aggregation import APPLIED, DUPLICATE
from streams import metrics
from streams.chunks import Chunk
from streams.credentials import faust_credentials
from streams.flush import Flusher, Sinks
from streams.kafka import STATISTICS_TABLE, VerifiedProducer, topic_name
from streams.settings import Settings
from streams.state import PartitionState, StateKey
from streams.store import ColumnStore

log = structlog.get_logger()

_BUFFERED_CHUNKS: Final = 4
_CHUNK_RECORDS: Final = 16_384
_FETCH_BYTES: Final = 8 << 20


class _ChunkSchema(faust.Schema):  # type: ignore[misc]
    """Passes the transport's chunks through."""

    def compile(self, app: faust.App, **_options: Any) -> Callable[..., Awaitable[EventT]]:
        async def decode(message: Any, *, propagate: bool = False) -> EventT:  # noqa: ARG001
            return app.create_event(None, message.value, (), message)

        return decode


class _NoWeb(BootStrategy):  # type: ignore[misc]
    enable_web = False


class HighlightsApp(faust.App):  # type: ignore[misc]
    """A Faust app that asks for a last flush before it gives partitions up, and starts each where its ledger says."""

    BootStrategy = _NoWeb
    store: ColumnStore
    flusher: Flusher
    stop_timeout_s: float
    max_consecutive_dead_letters: int
    interactions_topic: str
    supervised_topic: str

    async def flush_before_giving_up(self) -> None:
        """Flush what can be flushed in time; the next owner does the rest again."""
        try:
            await asyncio.wait_for(self.flusher.flush(), self.stop_timeout_s)
        except TimeoutError:
            log.warning("last flush not finished in time; what it lacks will be done again", timeout_s=self.stop_timeout_s)

    def positions(self) -> dict[TP, int]:
        """Return, for each partition of ours, the next offset to apply."""
        found = {}
        for partition, state in self.store.states.items():
            found[TP(self.interactions_topic, partition)] = state.ledger.applied_offset + 1
            found[TP(self.supervised_topic, partition)] = state.ledger.supervised_offset + 1
        return found

    def take_over(self) -> None:
        """Own the partitions that were assigned, now that their changelogs are read."""
        assigned = {tp.partition for tp in self.consumer.assignment() if tp.topic == self.interactions_topic}
        self.flusher.disown(set(self.store.states) - assigned)
        self.store.complete(assigned)
        self.flusher.note_room()

    async def apply_interactions(self, event: EventT) -> None:
        """Apply one chunk, pausing where the prior is to be fitted."""
        chunk: Chunk = event.value
        await self.flusher.wait_for_room()
        while chunk.values and (state := self._state_of(event)):
            self._stop_at_dead_letters(state)
            fit = state.next_fit_offset
            end = int(chunk.offsets.searchsorted(fit))
            self._apply(state, chunk.part(0, end))
            if end < len(chunk.values):
                await self.flusher.flush(prepare=partial(state.refit, fit))
            chunk = chunk.part(end, len(chunk.values))
        self.flusher.note_room()

    def _stop_at_dead_letters(self, state: PartitionState) -> None:
        """Stop a worker that does nothing but bury. The ledger keeps the count, so that a restart stops at the same place."""
        found, limit = state.ledger.consecutive_dead_letters, self.max_consecutive_dead_letters
        if limit and found >= limit:
            message = (
                f"partition {state.partition} of {self.interactions_topic}: the last {found} messages up to offset "
                f"{state.ledger.applied_offset} are all dead letters ({state.ledger.dead_letters}). See what they are with "
                "`highlights dead-letters list`, mend the sender, then go on with "
                f"HIGHLIGHTS_WORKER__MAX_CONSECUTIVE_DEAD_LETTERS above {found}, or 0 for no limit"
            )
            raise StateError(message)

    def _state_of(self, event: EventT) -> PartitionState | None:
        """Return the state for an event, unless a rebalance has made the event void."""
        if event.message.generation_id != self.consumer_generation_id:
            return None
        return self.store.states.get(event.message.partition)

    def _apply(self, state: PartitionState, chunk: Chunk) -> None:
        fates = state.apply_interactions(chunk)
        metrics.INTERACTIONS.labels("applied").inc(fates[APPLIED])
        metrics.INTERACTIONS.labels("duplicate").inc(fates[DUPLICATE])
        highwater = self.consumer.highwater(TP(chunk.topic, chunk.partition))
        metrics.LAG.labels(chunk.partition).set(max(0, highwater - state.ledger.applied_offset - 1))

    async def apply_supervised(self, event: EventT) -> None:
        """Cache one chunk of supervised outputs."""
        state = self._state_of(event)
        if state:
            state.apply_supervised(event.value)


def create_app(settings: Settings, partitions: int, client: Client, producer: VerifiedProducer) -> HighlightsApp:
    """Return the app of a worker.

    Args:
        settings: all settings; Kafka's and ClickHouse's addresses are set.
        partitions: of the source topic.
        client: of ClickHouse, with tables in place.
        producer: for changelog and dead letters.
    """
    worker, kafka = settings.worker, settings.kafka
    app = HighlightsApp(
        worker.group,
        broker=[f"chunks://{server.strip()}" for server in (kafka.bootstrap_servers or "").split(",")],
        broker_credentials=faust_credentials(kafka),
        store="memory://",
        topic_partitions=partitions,
        topic_replication_factor=kafka.replication_factor,
        topic_disable_leader=True,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        broker_request_timeout=30.0,
        broker_max_poll_records=_CHUNK_RECORDS,
        consumer_max_fetch_size=_FETCH_BYTES,
        consumer_auto_offset_reset="earliest",
        stream_buffer_maxsize=_BUFFERED_CHUNKS,
        stream_recovery_delay=0.0,
        stream_wait_empty=True,
        web_enabled=False,
    )
    app.stop_timeout_s = worker.stop_timeout_s
    app.max_consecutive_dead_letters = worker.max_consecutive_dead_letters
    app.interactions_topic = topic_name(kafka, INTERACTIONS)
    app.supervised_topic = topic_name(kafka, SUPERVISED_SCORES)
    table = app.Table(STATISTICS_TABLE, key_type=bytes, value_type=bytes, store="columns://state", partitions=partitions)
    app.store = table.data
    key = StateKey.of(settings)
    app.store.new_state = lambda partition: PartitionState(partition, partitions, key)
    app.flusher = Flusher(
        settings, app.store, Sinks(settings, client, producer), lambda offsets: app.consumer.commit_applied(offsets)
    )
    _declare_agents(app)
    return app


def _declare_agents(app: HighlightsApp) -> None:
    @app.agent(app.topic(app.interactions_topic, schema=_ChunkSchema()), name="interactions")
    async def interactions(stream: StreamT) -> None:
        await _consume(app, stream, app.apply_interactions)

    @app.agent(app.topic(app.supervised_topic, schema=_ChunkSchema()), name="supervised-outputs")
    async def supervised_outputs(stream: StreamT) -> None:
        await _consume(app, stream, app.apply_supervised)

    @app.task
    async def flush() -> None:
        await _crash_on_error(app, app.flusher.run(lambda: app.should_stop, app.sleep))

    @app.on_rebalance_complete.connect
    async def take_over(*_arguments: Any, **_options: Any) -> None:
        try:
            app.take_over()
        except Exception as error:
            await app.crash(error)


async def _consume(app: HighlightsApp, stream: StreamT, apply: Callable[[EventT], Awaitable[None]]) -> None:
    """Apply events. An error stops the worker: nothing may be passed over."""
    async for event in stream.events():
        await _crash_on_error(app, apply(event))


async def _crash_on_error(app: HighlightsApp, work: Awaitable[None]) -> None:
    try:
        await work
    except Exception as error:
        log.exception("worker stops")
        await app.crash(error)
        raise
