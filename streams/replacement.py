"""Carrying out exclusions: a state computed anew without those who are excluded takes the place of the one that counted them.

The computation runs beside the worker, from the source's beginning; consumption pauses only for the last stretch.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog

from schemas.errors import DeliveryError, StateError
from streams import metrics
from streams.flush import Flusher
from streams.recompute import catch_up, recompute
from streams.settings import Settings
from streams.state import PartitionState
from streams.store import ColumnStore

log = structlog.get_logger()

_NEAR: Final = 100_000
"""Interactions that are few enough to pause for."""


class _AbandonedError(Exception):
    """Nobody waits for the new state: the worker stops, or a rebalance has taken the old one away."""


class Replacer:
    """Replaces states that exclusions have made outdated, one after the other."""

    def __init__(self, settings: Settings, store: ColumnStore, flusher: Flusher) -> None:
        """Start with nothing to replace."""
        self._settings = settings
        self._store = store
        self._flusher = flusher

    async def run(self, should_stop: Callable[[], bool], sleep: Callable[[float], Awaitable[Any]]) -> None:
        """Look at the set interval for states that are outdated."""
        while not should_stop():
            await sleep(self._settings.worker.exclusions_interval_s)
            for state in list(self._store.states.values()):
                if state.is_outdated:
                    await self._try_to_replace(state, should_stop)

    async def _try_to_replace(self, old: PartitionState, should_stop: Callable[[], bool]) -> None:
        """Replace a state; while Kafka cannot be read the old one stays, and the worker has other work."""

        def go_on(_count: int) -> None:
            if should_stop() or self._store.states.get(old.partition) is not old:
                raise _AbandonedError

        try:
            go_on(0)
            await self._replace(old, go_on)
        except _AbandonedError:
            log.info("state not computed anew here", partition=old.partition)
        except DeliveryError as error:
            log.warning("state not computed anew yet; tried again", partition=old.partition, error=str(error))

    async def _replace(self, old: PartitionState, go_on: Callable[[int], None]) -> None:
        """Replace a state.

        Args:
            old: it.
            go_on: called with the number of messages of each chunk that is computed, in whatever thread; raises _AbandonedError.
        """
        wanted, wanted_offset = old.wanted, old.wanted_offset
        log.info("computing a state without those excluded", partition=old.partition, excluded=len(wanted))
        try:
            new = await asyncio.to_thread(self._computed, old, go_on)
        except StateError as error:
            log.warning("exclusions hold from now on only", partition=old.partition, error=str(error))
            old.exclude_from_now_on()
            return
        new.ledger.exclusions_offset, new.ledger.epoch = wanted_offset, old.ledger.epoch
        while _distance(new, old) > _NEAR:
            await asyncio.to_thread(self._catch_up, new, old, go_on)
        async with self._flusher.paused():
            await self._swap(new, old, go_on)
        metrics.REPLACEMENTS.inc()
        log.info("state replaced", partition=old.partition, excluded=len(wanted), epoch=new.ledger.epoch)

    def _computed(self, old: PartitionState, go_on: Callable[[int], None]) -> PartitionState:
        until = old.ledger.model_copy()
        first_offset = max(0, until.first_offset)
        return recompute(
            self._settings,
            old.partition,
            old.partitions,
            excluded=old.wanted,
            first_offset=first_offset,
            until=until,
            progress=go_on,
        )

    def _catch_up(self, new: PartitionState, old: PartitionState, go_on: Callable[[int], None]) -> None:
        catch_up(self._settings, new, until=old.ledger.model_copy(), progress=go_on)

    async def _swap(self, new: PartitionState, old: PartitionState, go_on: Callable[[int], None]) -> None:
        """Put the new state in the place of the old one, which no longer moves.

        It is there before it is written: where that breaks off, what is flushed after it must not be the old one's.
        """
        await self._flusher.flush_held()
        await asyncio.to_thread(self._catch_up, new, old, go_on)
        go_on(0)
        new.want_excluded(old.wanted, old.wanted_offset)
        new.watch, new.too_fast = old.watch, old.too_fast
        flush = new.take_place_of(old.record_keys)
        self._store.states[new.partition] = new
        await self._flusher.write_held(flush)


def _distance(new: PartitionState, old: PartitionState) -> int:
    return old.ledger.applied_offset - new.ledger.applied_offset
