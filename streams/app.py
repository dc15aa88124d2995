"""The Faust app: agents for interactions and for supervised outputs, the table of statistics, and the flush."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import faust
import structlog
from clickhouse_connect.driver.client import Client
from faust.app.base import BootStrategy
from faust.types import TP, EventT, StreamT

from schemas.errors import DeliveryError, StateError, UnavailableError
from schemas.exclusions import Excluded, ExclusionKind
from schemas.topics import EXCLUSIONS, FUSION_RELEASES, INTERACTIONS, RANKER_SCORES, SUPERVISED_SCORES
from scoring.statistics.aggregation import APPLIED, DUPLICATE, EXCLUDED
from scoring.statistics.pace import PaceWatch
from streams import metrics
from streams.credentials import faust_credentials
from streams.dead_letter_limits import exceeded
from streams.exclusions import exclude
from streams.flush import Flusher, Sinks
from streams.gauges import Gauges
from streams.kafka import STATISTICS_TABLE, topic_name
from streams.pairs_timer import PairsTimer
from streams.record_batches import CHUNK_RECORDS
from streams.recovery import recover
from streams.replacement import Replacer
from streams.settings import Settings
from streams.state import PartitionState
from streams.store import ColumnStore

log = structlog.get_logger()

_BUFFERED_CHUNKS: Final = 4
_FETCH_BYTES: Final = 8 << 20
_PAUSE_S: Final = 1.0


class _ChunkSchema(faust.Schema):
    """Passes the transport's chunks through."""

    def compile(self, app: faust.App, **_options: Any) -> Callable[..., Awaitable[EventT]]:
        async def decode(message: Any, *, propagate: bool = False) -> EventT:  # noqa: ARG001 Faust's signature
            return app.create_event(None, message.value, (), message)

        return decode


class _NoWeb(BootStrategy):
    enable_web = False


class HighlightsApp(faust.App):
    """A Faust app that asks for a last flush before it gives partitions up, and starts each where its ledger says."""

    BootStrategy = _NoWeb
    store: ColumnStore
    flusher: Flusher
    replacer: Replacer
    pairs_timer: PairsTimer
    sinks: Sinks
    settings: Settings
    partitions: int
    interactions_topic: str
    supervised_topic: str
    exclusions_topic: str
    ranker_topic: str
    fusion_topic: str

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Start without partitions."""
        super().__init__(*arguments, **options)
        self._generation = 0
        self._taking: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)

    async def flush_before_giving_up(self) -> None:
        """Flush what can be flushed in time; the next owner does the rest again, and Kafka takes it from nobody else."""
        flush, timeout_s = asyncio.ensure_future(_crash_on_error(self, self.flusher.flush())), self.settings.worker.stop_timeout_s
        await asyncio.wait({flush}, timeout=timeout_s)
        if not flush.done():
            log.warning("last flush not finished in time; what it lacks will be done again", timeout_s=timeout_s)

    def _create_directories(self) -> None:
        """Make none: nothing is kept on this machine."""

    def positions(self) -> dict[TP, int]:
        """Return, for each partition of ours, the next offset to apply."""
        found = {}
        for partition, state in self.store.states.items():
            found[TP(self.interactions_topic, partition)] = state.ledger.applied_offset + 1
            found[TP(self.supervised_topic, partition)] = state.ledger.supervised_offset + 1
            found[TP(self.exclusions_topic, partition)] = state.wanted_offset + 1
            found[TP(self.ranker_topic, partition)] = state.ledger.ranker_offset + 1
            found[TP(self.fusion_topic, partition)] = state.ledger.fusion_offset + 1
        return found

    async def _on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Note whether the group has had a generation without us: then our states may be older than what others have written."""
        if generation_id != self._generation + 1:
            self.flusher.disown(set(self.store.states))
        self._generation = generation_id
        await super()._on_partitions_assigned(assigned, generation_id)

    async def take_over(self) -> None:
        """Own the partitions that were assigned: of each be the only writer, then read its state."""
        assigned = {tp.partition for tp in self.consumer.assignment() if tp.topic == self.interactions_topic}
        self.flusher.disown(set(self.store.states) - assigned)
        async with self.flusher.paused():
            new = sorted(assigned - set(self.store.states))
            taken = await asyncio.gather(*(asyncio.to_thread(self._take, partition, self._generation) for partition in new))
            self.flusher.adopt(state for state in taken if state)
        log.info("partitions ready", partitions=sorted(assigned), clips=self.store.clips)

    def _take(self, partition: int, generation: int) -> PartitionState | None:
        """Return a partition's state, however long Kafka is away; None where the worker stops or another rebalance calls anew."""
        with self._taking[partition]:
            while generation == self._generation and not self.should_stop:
                try:
                    self.sinks.take(partition)
                    state = recover(self.settings, partition, self.partitions)
                except UnavailableError as error:
                    log.warning("partition not taken over yet; tried again", partition=partition, error=str(error))
                except Exception as error:  # where another rebalance has begun, nobody waits for this one any more
                    log.warning("partition not taken over", partition=partition, error=str(error))
                    raise
                else:
                    state.watch = PaceWatch.of(self.settings.worker.max_interactions_per_minute)
                    return state
        return None

    async def apply_interactions(self, event: EventT) -> None:
        """Apply one chunk."""
        state, chunk = self._state_of(event), event.value
        if state and not self._is_stopped(state):
            fates = state.apply_interactions(chunk)
            metrics.INTERACTIONS.labels("applied").inc(fates[APPLIED])
            metrics.INTERACTIONS.labels("duplicate").inc(fates[DUPLICATE])
            metrics.INTERACTIONS.labels("excluded").inc(fates[EXCLUDED])
            self.flusher.note_room()
            await self._exclude_too_fast(state)

    async def _exclude_too_fast(self, state: PartitionState) -> None:
        found = [Excluded(ExclusionKind.SESSION, session) for session in state.too_fast]
        reason = f"more than {self.settings.worker.max_interactions_per_minute} interactions in a minute"
        while state.too_fast and not self.should_stop:
            try:
                await asyncio.to_thread(exclude, self.settings, self.partitions, found, reason)
            except DeliveryError as error:
                log.warning("sessions not excluded yet; tried again", error=str(error))
                await self.sleep(_PAUSE_S)
            else:
                log.warning("sessions excluded", sessions=[who.key for who in found], reason=reason)
                state.too_fast = []

    def _is_stopped(self, state: PartitionState) -> bool:
        """Stop reading a partition that does little but bury. The ledger keeps the counts: a restart stops at the same place."""
        reason = exceeded(state.ledger, self.settings.worker)
        if reason:
            log.error("partition stopped", partition=state.partition, reason=reason)
            self.consumer.pause_partitions({TP(self.interactions_topic, state.partition)})
        metrics.STOPPED.labels(state.partition).set(bool(reason))
        return bool(reason)

    def _state_of(self, event: EventT) -> PartitionState | None:
        """Return the state for an event, unless a rebalance has made the event void."""
        if event.message.generation_id != self.consumer_generation_id:
            return None
        return self.store.states.get(event.message.partition)

    async def apply_supervised(self, event: EventT) -> None:
        """Cache one chunk of supervised outputs."""
        state = self._state_of(event)
        if state:
            state.apply_supervised(event.value)

    async def apply_ranker(self, event: EventT) -> None:
        """Stage one chunk of ranker scores, and swap to the release that it completes."""
        state = self._state_of(event)
        if state:
            state.apply_ranker(event.value)

    async def apply_fusion(self, event: EventT) -> None:
        """Swap to the fusions of one chunk."""
        state = self._state_of(event)
        if state:
            state.apply_fusion(event.value)

    async def note_exclusions(self, event: EventT) -> None:
        """Take note of one chunk of exclusions."""
        state = self._state_of(event)
        if state:
            state.note_exclusions(event.value)


class _Part(Protocol):
    """What a worker does beside its streams."""

    def run(self, should_stop: Callable[[], bool], sleep: Callable[[float], Awaitable[Any]]) -> Awaitable[None]:
        """Go on until the worker stops."""


def create_app(settings: Settings, partitions: int, client: Client) -> HighlightsApp:
    """Return the app of a worker.

    Args:
        settings: all settings; Kafka's and ClickHouse's addresses are set.
        partitions: of the source topic.
        client: of ClickHouse, with tables in place.
    """
    worker, kafka = settings.worker, settings.kafka
    app = HighlightsApp(
        settings.group,
        broker=[f"chunks://{server.strip()}" for server in (kafka.bootstrap_servers or "").split(",")],
        broker_credentials=faust_credentials(kafka),
        store="memory://",
        topic_partitions=partitions,
        topic_replication_factor=kafka.replication_factor,
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_group_instance_id=worker.group_instance_id,
        broker_session_timeout=worker.session_timeout_s,
        broker_heartbeat_interval=worker.session_timeout_s / 5,
        broker_request_timeout=30.0,
        broker_max_poll_records=CHUNK_RECORDS,
        consumer_max_fetch_size=_FETCH_BYTES,
        consumer_auto_offset_reset="earliest",
        stream_buffer_maxsize=_BUFFERED_CHUNKS,
        stream_recovery_delay=0.0,
        recovery_consistency_check=False,
        stream_wait_empty=True,
        web_enabled=False,
    )
    app.settings, app.partitions = settings, partitions
    app.exclusions_topic = topic_name(kafka, EXCLUSIONS)
    app.interactions_topic = topic_name(kafka, INTERACTIONS)
    app.supervised_topic = topic_name(kafka, SUPERVISED_SCORES)
    app.ranker_topic = topic_name(kafka, RANKER_SCORES)
    app.fusion_topic = topic_name(kafka, FUSION_RELEASES)
    table = app.Table(STATISTICS_TABLE, key_type=bytes, value_type=bytes, store="columns://state", partitions=partitions)
    app.store = table.data
    app.sinks = Sinks(settings, client)
    app.flusher = Flusher(
        settings, app.store, app.sinks, lambda offsets: app.consumer.commit_applied(offsets), lambda: app.consumer.rejoin()
    )
    app.pairs_timer = PairsTimer(settings, app.store, client)
    app.replacer = Replacer(settings, app.store, app.flusher)
    _declare_agents(app)
    return app


def _declare_agents(app: HighlightsApp) -> None:
    @app.agent(app.topic(app.interactions_topic, schema=_ChunkSchema()), name="interactions")
    async def interactions(stream: StreamT) -> None:
        await _consume(app, stream, app.apply_interactions)

    @app.agent(app.topic(app.supervised_topic, schema=_ChunkSchema()), name="supervised-outputs")
    async def supervised_outputs(stream: StreamT) -> None:
        await _consume(app, stream, app.apply_supervised)

    @app.agent(app.topic(app.ranker_topic, schema=_ChunkSchema()), name="ranker-scores")
    async def ranker_scores(stream: StreamT) -> None:
        await _consume(app, stream, app.apply_ranker)

    @app.agent(app.topic(app.fusion_topic, schema=_ChunkSchema()), name="fusion-releases")
    async def fusion_releases(stream: StreamT) -> None:
        await _consume(app, stream, app.apply_fusion)

    @app.agent(app.topic(app.exclusions_topic, schema=_ChunkSchema()), name="exclusions")
    async def exclusions(stream: StreamT) -> None:
        await _consume(app, stream, app.note_exclusions)

    @app.task
    async def replace_outdated() -> None:
        await _run(app, app.replacer)

    @app.task
    async def set_gauges() -> None:
        metrics.PARTITIONS.set(app.partitions)
        gauges = Gauges(app.store, app.interactions_topic, lambda partitions: app.consumer.end_offsets(partitions))
        await _run(app, gauges)

    @app.task
    async def build_weak_pairs() -> None:
        await _run(app, app.pairs_timer)

    @app.task
    async def flush() -> None:
        await _run(app, app.flusher)

    @app.on_rebalance_complete.connect
    async def take_over(*_arguments: Any, **_options: Any) -> None:
        await _crash_on_error(app, app.take_over())


async def _consume(app: HighlightsApp, stream: StreamT, apply: Callable[[EventT], Awaitable[None]]) -> None:
    """Apply events. An error stops the worker: nothing may be passed over."""
    async for event in stream.events():
        await app.flusher.wait_for_room()
        await _crash_on_error(app, apply(event))


async def _run(app: HighlightsApp, part: _Part) -> None:
    """Run a part to the worker's end. Faust would take a cancellation that a library passes on for it, and go on without."""
    try:
        await _crash_on_error(app, part.run(lambda: app.should_stop, app.sleep))
    except asyncio.CancelledError:
        if not app.should_stop:
            log.exception("worker stops")
            await app.crash(StateError(f"{type(part).__name__} was cancelled by nobody: start the worker again"))
        raise


async def _crash_on_error(app: HighlightsApp, work: Awaitable[None]) -> None:
    try:
        await work
    except Exception as error:
        log.exception("worker stops")
        await app.crash(error)
        raise
