"""The flush: ClickHouse, then the changelog, verified, then the ledger, verified, then the source offset.

All that a flush writes is absolute, so it is simply done again, whole, when any part of it fails; and until it has succeeded
no other is begun.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pyarrow as pa
import structlog
from clickhouse_connect.driver.client import Client
from faust.types import TP

from schemas.clickhouse import CLIP_SCORES, RATE_PRIORS, SUPERVISED_OUTPUTS
from schemas.errors import DeliveryError
from schemas.topics import DEAD_LETTERS, INTERACTIONS, SUPERVISED_SCORES
from streams import changelog, clickhouse, metrics
from streams.kafka import VerifiedProducer, changelog_name, topic_name
from streams.settings import Settings
from streams.state import Flush
from streams.store import ColumnStore

log = structlog.get_logger()

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0


class Sinks:
    """Where a flush goes; blocking calls."""

    def __init__(self, settings: Settings, client: Client, producer: VerifiedProducer) -> None:
        """Name the topics."""
        self._client = client
        self._producer = producer
        self._dead_letters = topic_name(settings.kafka, DEAD_LETTERS)
        self._changelog = changelog_name(settings.worker.group)

    def publish(self, flushes: list[Flush]) -> None:
        """Insert the rows of all flushes into ClickHouse."""
        for table, parts in (
            (CLIP_SCORES, [flush.clip_scores for flush in flushes]),
            (SUPERVISED_OUTPUTS, [flush.supervised for flush in flushes]),
            (RATE_PRIORS, [flush.prior for flush in flushes]),
        ):
            rows = pa.concat_tables(parts)
            clickhouse.insert(self._client, table, rows)
            metrics.ROWS.labels(table).inc(len(rows))

    def write_changelog(self, flushes: list[Flush]) -> None:
        """Write dead letters, pages and segments; return when they have arrived."""
        for flush in flushes:
            for letter in flush.dead_letters:
                self._producer.send(
                    self._dead_letters,
                    key=letter.key,
                    value=letter.value,
                    partition=letter.partition,
                    headers=letter.headers,
                )
            for key, value in flush.records:
                self._producer.send(self._changelog, key=key, value=value, partition=flush.partition)
        self._producer.verify()

    def write_ledgers(self, flushes: list[Flush]) -> None:
        """Write the ledgers, which make the rest valid; return when they have arrived."""
        for flush in flushes:
            key, value = changelog.ledger_record(flush.ledger)
            self._producer.send(self._changelog, key=key, value=value, partition=flush.partition)
        self._producer.verify()


class Flusher:
    """Flushes all partitions of a worker together, one flush at a time."""

    def __init__(
        self, settings: Settings, store: ColumnStore, sinks: Sinks, commit: Callable[[dict[TP, int]], Awaitable[bool]]
    ) -> None:
        """Start with nothing to flush."""
        self._settings = settings
        self._store = store
        self._sinks = sinks
        self._commit = commit
        self._lock = asyncio.Lock()
        self._unfinished: list[Flush] = []
        self._flushed: dict[int, int] = {}
        self._room = asyncio.Event()
        self._room.set()
        self._interactions = topic_name(settings.kafka, INTERACTIONS)
        self._supervised = topic_name(settings.kafka, SUPERVISED_SCORES)

    async def run(self, should_stop: Callable[[], bool], sleep: Callable[[float], Awaitable[Any]]) -> None:
        """Flush at the set interval."""
        while not should_stop():
            started = time.monotonic()
            await self.flush()
            await sleep(max(0.01, self._settings.worker.flush_interval_s - (time.monotonic() - started)))

    async def flush(self, prepare: Callable[[], None] | None = None) -> None:
        """Flush what has changed, after `prepare` has run; come back when it is committed."""
        async with self._lock:
            await self._finish()
            if prepare:
                prepare()
            flushes = [flush for state in list(self._store.states.values()) if (flush := state.take_flush())]
            self._unfinished = flushes
            await self._finish()

    async def _finish(self) -> None:
        """Carry out what is begun, as often as it takes, for the partitions that are still ours."""
        pause = _FIRST_PAUSE_S
        while self._unfinished:
            started = time.monotonic()
            try:
                await self._carry_out(self._unfinished)
            except DeliveryError as error:
                metrics.FLUSH_FAILURES.inc()
                log.warning("flush failed, trying again", error=str(error), pause_s=pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            else:
                self._flushed.update((flush.partition, flush.ledger.consumed) for flush in self._unfinished)
                self._unfinished = []
                metrics.FLUSH_SECONDS.observe(time.monotonic() - started)
                self.note_room()

    async def _carry_out(self, flushes: list[Flush]) -> None:
        await asyncio.to_thread(self._sinks.publish, flushes)
        await asyncio.to_thread(self._sinks.write_changelog, flushes)
        await asyncio.to_thread(self._sinks.write_ledgers, flushes)
        await self._commit(self._offsets(flushes))

    def _offsets(self, flushes: list[Flush]) -> dict[TP, int]:
        applied = {TP(self._interactions, flush.partition): flush.ledger.applied_offset + 1 for flush in flushes}
        cached = {TP(self._supervised, flush.partition): flush.ledger.supervised_offset + 1 for flush in flushes}
        return {tp: offset for tp, offset in (applied | cached).items() if offset > 0}

    def disown(self, partitions: set[int]) -> None:
        """Forget what was begun for partitions that are not ours any more."""
        self._unfinished = [flush for flush in self._unfinished if flush.partition not in partitions]
        for partition in partitions:
            self._flushed.pop(partition, None)

    def note_room(self) -> None:
        """Hold or let go consumption, by how much is applied and not flushed."""
        unflushed = sum(
            state.ledger.consumed - self._flushed.setdefault(partition, state.ledger.consumed)
            for partition, state in self._store.states.items()
        )
        metrics.UNFLUSHED.set(unflushed)
        metrics.CLIPS.set(self._store.clips)
        if unflushed < self._settings.worker.max_unflushed_interactions:
            self._room.set()
        else:
            self._room.clear()

    async def wait_for_room(self) -> None:
        """Wait while too much is applied and not flushed."""
        await self._room.wait()
