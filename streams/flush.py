"""The flush: ClickHouse, then the changelog with dead letters, in one transaction a partition, then the source offset.

All that a flush writes is absolute, so it is simply done again, whole, when any part of it fails; and until it has succeeded
no other is begun.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pyarrow as pa
import structlog
from clickhouse_connect.driver.client import Client
from faust.types import TP

from schemas.clickhouse import CLIP_SCORES, RATE_PRIORS, SUPERVISED_OUTPUTS
from schemas.errors import DeliveryError, FencedError, StateError
from schemas.topics import DEAD_LETTERS, EXCLUSIONS, FUSION_RELEASES, INTERACTIONS, RANKER_SCORES, SUPERVISED_SCORES
from streams import clickhouse, metrics, tracing
from streams.kafka import changelog_name, topic_name
from streams.ledger import Ledger
from streams.partition_writer import PartitionWriter
from streams.rows import epoch_of
from streams.settings import Settings
from streams.state import Flush, PartitionState
from streams.store import ColumnStore

log = structlog.get_logger()

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_LONGEST_WAIT_FOR_REBALANCE_S = 60.0
_TELL_AGAIN_S = 10.0
_MOST_REJOINS, _REJOINS_WITHIN_S = 5, 600.0


class Sinks:
    """Where a flush goes; blocking calls."""

    def __init__(self, settings: Settings, client: Client) -> None:
        """Name the topics."""
        self._settings = settings
        self._client = client
        self._dead_letters = topic_name(settings.kafka, DEAD_LETTERS)
        self._changelog = changelog_name(settings.group)
        self._writers: dict[int, PartitionWriter] = {}
        self._committed: dict[int, Ledger] = {}
        """Of each partition's last flush that is in the changelog: a flush that is done again leaves it out."""

    def take(self, partition: int) -> None:
        """Become the partition's only writer, before its state is read."""
        self._writers[partition] = PartitionWriter(self._settings.kafka, self._settings.group, partition)

    def publish(self, flushes: Sequence[Flush]) -> None:
        """Insert the rows of all flushes into ClickHouse; scores last, so that who sees one finds what it was made from."""
        for table, parts in (
            (SUPERVISED_OUTPUTS, [flush.supervised for flush in flushes]),
            (RATE_PRIORS, [flush.prior for flush in flushes]),
            (CLIP_SCORES, [flush.clip_scores for flush in flushes]),
        ):
            rows = pa.concat_tables(parts)
            clickhouse.insert(self._client, table, rows)
            metrics.ROWS.labels(table).inc(len(rows))

    def shown(self, partition: int) -> tuple[list[tuple[str, int]], int]:
        """Return (video id, clip index) of every clip that ClickHouse shows from a partition, and the highest version there."""
        return clickhouse.rows_of_partition(self._client, partition)

    def write_changelog(self, flushes: Sequence[Flush]) -> None:
        """Send dead letters and changelog records, not yet valid."""
        for flush in self._uncommitted(flushes):
            writer = self._writers[flush.partition]
            if not writer.begin():
                continue
            for letter in flush.dead_letters:
                writer.send(self._dead_letters, key=letter.key, value=letter.value, headers=letter.headers)
            for record in flush.records:
                writer.send(self._changelog, key=record.key, value=record.value)

    def commit_changelog(self, flushes: Sequence[Flush]) -> None:
        """Make what was sent valid, of each partition all at once; return when it is."""
        for flush in self._uncommitted(flushes):
            self._writers[flush.partition].commit()
            self._committed[flush.partition] = flush.ledger

    def _uncommitted(self, flushes: Sequence[Flush]) -> list[Flush]:
        return [flush for flush in flushes if self._committed.get(flush.partition) is not flush.ledger]


class Flusher:
    """Flushes all partitions of a worker together, one flush at a time."""

    def __init__(
        self,
        settings: Settings,
        store: ColumnStore,
        sinks: Sinks,
        commit: Callable[[dict[TP, int]], Awaitable[bool]],
        rejoin: Callable[[], Awaitable[None]],
    ) -> None:
        """Start with nothing to flush."""
        self._settings = settings
        self._store = store
        self._sinks = sinks
        self._commit = commit
        self._rejoin = rejoin
        self._lock = asyncio.Lock()
        self._unfinished: list[Flush] = []
        self._flushed: dict[int, int] = {}
        self._untold: dict[TP, int] = {}
        self._told_again_at = 0.0
        self._lost_at: dict[int, float] = {}
        self._rejoined_at: list[float] = []
        self._ended_at = time.monotonic()
        metrics.FLUSH_AGE.set_function(lambda: time.monotonic() - self._ended_at)
        self._is_paused = False
        self._room = asyncio.Event()
        self._room.set()
        self._interactions = topic_name(settings.kafka, INTERACTIONS)
        self._supervised = topic_name(settings.kafka, SUPERVISED_SCORES)
        self._exclusions = topic_name(settings.kafka, EXCLUSIONS)
        self._ranker = topic_name(settings.kafka, RANKER_SCORES)
        self._fusion = topic_name(settings.kafka, FUSION_RELEASES)

    async def run(self, should_stop: Callable[[], bool], sleep: Callable[[float], Awaitable[Any]]) -> None:
        """Flush at the set interval."""
        while not should_stop():
            started = time.monotonic()
            await self.flush()
            self._ended_at = time.monotonic()
            await self._reclaim()
            await sleep(max(0.01, self._settings.worker.flush_interval_s - (time.monotonic() - started)))

    async def flush(self) -> None:
        """Flush what has changed; come back when it is committed."""
        async with self._lock:
            await self.flush_held()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Let nothing be applied and nothing flushed in the meantime, but by `flush_held` and `write_held`."""
        async with self._lock:
            self._is_paused = True
            self._room.clear()
            try:
                yield
            finally:
                self._is_paused = False
                self.note_room()

    async def flush_held(self) -> None:
        """Flush while no other flush runs."""
        await self._finish()
        await self._prepare()
        self._unfinished = [state.take_flush() for state in list(self._store.states.values()) if state.is_touched]
        await self._finish()
        self._tell_again()
        await self._tell_group()

    async def write_held(self, flush: Flush) -> None:
        """Write one flush while no other flush runs."""
        self._unfinished = [flush]
        await self._finish()

    async def _finish(self) -> None:
        """Carry out what is begun, as often as it takes, for the partitions that are still ours."""
        pause = _FIRST_PAUSE_S
        while self._unfinished:
            started = time.monotonic()
            try:
                await self._carry_out(self._unfinished)
            except FencedError as error:
                self._lose(error)
            except DeliveryError as error:
                pause = await _pause_after(error, pause)
            else:
                self._flushed.update((flush.partition, flush.ledger.consumed) for flush in self._unfinished)
                _measure(self._unfinished, time.monotonic() - started)
                self._unfinished = []
                self.note_room()

    async def _prepare(self) -> None:
        """Begin an epoch of each state that is to be published anew: ClickHouse is asked, as often as it takes, what it shows."""
        pause = _FIRST_PAUSE_S
        while state := next((state for state in self._store.states.values() if state.ledger.republish), None):
            try:
                shown, version = await asyncio.to_thread(self._sinks.shown, state.partition)
            except DeliveryError as error:
                pause = await _pause_after(error, pause)
                continue
            if self._is_ours(state):
                await self.write_held(state.begin_epoch(max(epoch_of(version), state.ledger.epoch) + 1))
            if self._is_ours(state):
                state.publish_anew(shown)

    def _is_ours(self, state: PartitionState) -> bool:
        """Return whether a state is still the one of its partition: a rebalance waits for no flush."""
        return self._store.states.get(state.partition) is state

    async def _carry_out(self, flushes: list[Flush]) -> None:
        rows = sum(len(flush.clip_scores) for flush in flushes)
        with tracing.span("flush", highlights__partitions=len(flushes), highlights__rows=rows):
            with tracing.span("flush.clickhouse"), metrics.FLUSH_STEP_SECONDS.labels("clickhouse").time():
                await asyncio.to_thread(self._sinks.publish, flushes)
            with tracing.span("flush.changelog"), metrics.FLUSH_STEP_SECONDS.labels("changelog").time():
                await asyncio.to_thread(self._sinks.write_changelog, flushes)
                await asyncio.to_thread(self._sinks.commit_changelog, flushes)
            for flush in self._unfinished:  # a rebalance in the meantime may have left fewer
                self._note_offsets(flush.ledger)
            with tracing.span("flush.offsets"):
                await self._tell_group()

    def adopt(self, states: Iterable[PartitionState]) -> None:
        """Own states, each as the changelog holds it; whoever wrote that may have died before it told the group."""
        for state in states:
            self._store.states[state.partition] = state
            self._note_offsets(state.ledger)

    def _note_offsets(self, ledger: Ledger) -> None:
        places = {
            self._interactions: ledger.applied_offset,
            self._supervised: ledger.supervised_offset,
            self._exclusions: ledger.exclusions_offset,
            self._ranker: ledger.ranker_offset,
            self._fusion: ledger.fusion_offset,
        }
        self._untold.update({TP(topic, ledger.partition): offset + 1 for topic, offset in places.items() if offset >= 0})

    def _tell_again(self) -> None:
        """Have the group told now and then what it was told before.

        A commit that a former owner began before a rebalance may arrive after it, and be taken for one of the new generation.
        """
        if time.monotonic() - self._told_again_at > _TELL_AGAIN_S:
            self._told_again_at = time.monotonic()
            for state in self._store.states.values():
                if not state.is_touched:
                    self._note_offsets(state.ledger)

    async def _tell_group(self) -> None:
        """Commit source offsets; what a rebalance prevents is told at the next flush."""
        if self._untold and await self._commit(self._untold):
            self._untold.clear()

    def disown(self, partitions: set[int]) -> None:
        """Forget all of partitions that are not ours any more."""
        self._unfinished = [flush for flush in self._unfinished if flush.partition not in partitions]
        for partition in partitions:
            self._store.states.pop(partition, None)
            self._flushed.pop(partition, None)
        self._untold = {tp: offset for tp, offset in self._untold.items() if tp.partition not in partitions}
        self._lost_at.clear()

    def _lose(self, error: FencedError) -> None:
        """Let go of a partition that another worker has taken: the group has gone on without us, and will tell us so."""
        log.warning("partition lost", partition=error.partition, error=str(error))
        is_ours = error.partition in self._store.states  # else a rebalance has taken it away while it was flushed
        self.disown({error.partition})
        if is_ours:
            self._lost_at[error.partition] = time.monotonic()

    async def _reclaim(self) -> None:
        """Join the group anew when a partition was lost and no rebalance has followed: whoever took it is not of the group.

        It may be a worker that was given up for dead in the middle of a take-over, and has woken. The take-over that follows a
        rebalance shuts it out.

        Raises:
            StateError: that does not help.
        """
        now, asked_at = time.monotonic(), max(self._rejoined_at, default=0.0)
        for partition, lost_at in self._lost_at.items():
            if now - lost_at > _LONGEST_WAIT_FOR_REBALANCE_S:
                raise self._taken(partition)
        patience_s = self._settings.worker.session_timeout_s
        overdue = [partition for partition, at in self._lost_at.items() if at > asked_at and now - at > patience_s]
        if not overdue:
            return
        self._rejoined_at = [at for at in self._rejoined_at if now - at < _REJOINS_WITHIN_S] + [now]
        if len(self._rejoined_at) > _MOST_REJOINS:
            raise self._taken(overdue[0])
        log.warning("joining the group anew, to have back what a process outside of it has taken", partitions=overdue)
        await self._rejoin()

    @staticmethod
    def _taken(partition: int) -> StateError:
        return StateError(
            f"partition {partition} is written by another process, though the group assigns it to this worker: is a "
            "`highlights worker --rebuild` running, or another group with the same HIGHLIGHTS_WORKER__GROUP?"
        )

    def note_room(self) -> None:
        """Hold or let go consumption, by how much is applied and not flushed."""
        unflushed = sum(
            state.ledger.consumed - self._flushed.setdefault(partition, state.ledger.consumed)
            for partition, state in self._store.states.items()
        )
        metrics.UNFLUSHED.set(unflushed)
        metrics.CLIPS.set(self._store.clips)
        if self._is_paused:
            return
        if unflushed < self._settings.worker.max_unflushed_interactions:
            self._room.set()
        else:
            self._room.clear()

    async def wait_for_room(self) -> None:
        """Wait while too much is applied and not flushed, or the flusher is paused."""
        await self._room.wait()


async def _pause_after(error: DeliveryError, pause_s: float) -> float:
    """Tell of a failure and wait; return how long to wait after the next one."""
    metrics.FLUSH_FAILURES.inc()
    log.warning("flush failed, trying again", error=str(error), pause_s=pause_s)
    await asyncio.sleep(pause_s)
    return min(2 * pause_s, _LONGEST_PAUSE_S)


def _measure(flushes: Sequence[Flush], seconds: float) -> None:
    """Count what a flush that has succeeded has done."""
    metrics.FLUSH_SECONDS.observe(seconds)
    for flush in flushes:
        metrics.FLUSH_ROWS.observe(len(flush.clip_scores))
        if flush.oldest_ms is not None:
            metrics.FRESHNESS.observe(max(0.0, time.time() - flush.oldest_ms / 1000))
        for letter in flush.dead_letters:
            metrics.DEAD_LETTERS.labels(letter.reason.value).inc()
