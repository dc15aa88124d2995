"""A worker that the tests own: the product's, with a saboteur at the seams between its steps.

Imported by a fork server, a process with one thread that has loaded all that a worker needs, compiled kernels included. A
worker is a fork of it, so that it starts in a moment; Kafka's and Faust's threads are begun in the fork only.
"""

import asyncio
import ctypes
import faulthandler
import gc
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import streams.app
import streams.worker
from schemas.errors import HighlightsError
from streams import clickhouse, flush, replacement
from streams.app import HighlightsApp
from streams.settings import Settings
from streams.state import Flush, PartitionState
from streams.state_key import StateKey
from streams.transport import Consumer
from streams.warm_up import warm_up
from tests.chaos.sabotage import Moment, Sabotage, Saboteur

_PR_SET_PDEATHSIG = 1

warm_up(StateKey.of(Settings()))


def run(settings: Settings, sabotage: Sabotage | None, log: Path) -> None:
    """Run a worker to its end; its exit status is the command's."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _write_to(log)
    _tell_where_it_hangs()
    saboteur = Saboteur(sabotage, log.with_suffix(".struck"))
    _watch_flush(saboteur)
    _watch_rebalance(saboteur)
    try:
        streams.worker.run_worker(settings)
    except HighlightsError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(1)


def _tell_where_it_hangs() -> None:
    """On SIGUSR1, write the stacks of all threads and of all tasks to the log."""

    def tell(*_arguments: Any) -> None:
        faulthandler.dump_traceback()
        loops = [thing for thing in gc.get_objects() if isinstance(thing, asyncio.AbstractEventLoop)]
        for task in chain.from_iterable(map(asyncio.all_tasks, loops)):
            frames, waits = [], task.get_coro()
            while waits is not None:
                frame = getattr(waits, "cr_frame", None) or getattr(waits, "ag_frame", None)
                frames.append(f"{frame.f_code.co_qualname}:{frame.f_lineno}" if frame else repr(waits))
                waits = getattr(waits, "cr_await", None) or getattr(waits, "ag_await", None)
            print("task:", " < ".join(reversed(frames)), file=sys.stderr, flush=True)

    signal.signal(signal.SIGUSR1, tell)


def _write_to(log: Path) -> None:
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _watch_flush(saboteur: Saboteur) -> None:
    """Stand between the steps of a flush."""

    class Sinks(flush.Sinks):
        def take(self, partition: int) -> None:
            super().take(partition)
            saboteur.reach(Moment.RECOVERY)

        def shown(self, partition: int) -> tuple[list[tuple[str, int]], int]:
            saboteur.reach(Moment.REPLACED)
            return super().shown(partition)

        def publish(self, flushes: Sequence[Flush]) -> None:
            saboteur.reach(Moment.BEFORE_INSERT)
            super().publish(flushes)
            saboteur.reach(Moment.AFTER_INSERT)

        def write_changelog(self, flushes: Sequence[Flush]) -> None:
            if saboteur.is_next(Moment.WITHIN_CHANGELOG):
                super().write_changelog([replace(part, records=part.records[: len(part.records) // 2]) for part in flushes])
            saboteur.reach(Moment.WITHIN_CHANGELOG)
            super().write_changelog(flushes)
            saboteur.reach(Moment.AFTER_CHANGELOG)

        def commit_changelog(self, flushes: Sequence[Flush]) -> None:
            if saboteur.is_next(Moment.WITHIN_CHANGELOG_COMMIT):
                super().commit_changelog(flushes[: (len(flushes) + 1) // 2])
            saboteur.reach(Moment.WITHIN_CHANGELOG_COMMIT)
            super().commit_changelog(flushes)

    insert, commit = clickhouse.insert, Consumer.commit_applied

    def watched_insert(*arguments: Any, **options: Any) -> None:
        insert(*arguments, **options)
        saboteur.reach(Moment.WITHIN_INSERT)

    async def watched_commit(self: Consumer, *arguments: Any) -> bool:
        saboteur.reach(Moment.BEFORE_COMMIT)
        done = await commit(self, *arguments)
        saboteur.reach(Moment.AFTER_COMMIT)
        return done

    streams.app.Sinks = Sinks
    clickhouse.insert = watched_insert
    Consumer.commit_applied = watched_commit


def _watch_rebalance(saboteur: Saboteur) -> None:
    """Stand at fetch, and where partitions come and go."""
    fetch, recompute = Consumer._wait_next_records, replacement.recompute
    take_over, give_up, apply = HighlightsApp.take_over, HighlightsApp.flush_before_giving_up, HighlightsApp.apply_interactions

    async def watched_fetch(self: Consumer, timeout: float) -> Any:
        saboteur.reach(Moment.FETCH)
        return await fetch(self, timeout)

    async def watched_take_over(self: HighlightsApp) -> None:
        saboteur.reach(Moment.BEFORE_TAKING_OVER)
        await take_over(self)
        saboteur.reach(Moment.AFTER_TAKING_OVER)

    async def watched_give_up(self: HighlightsApp) -> None:
        saboteur.reach(Moment.BEFORE_GIVING_UP)
        await give_up(self)
        saboteur.reach(Moment.AFTER_GIVING_UP)

    async def watched_apply(self: HighlightsApp, event: Any) -> None:
        saboteur.reach(Moment.BETWEEN_CHUNKS)
        await apply(self, event)

    def watched_recompute(*arguments: Any, **options: Any) -> PartitionState:
        saboteur.reach(Moment.RECOMPUTING)
        return recompute(*arguments, **options)

    replacement.recompute = watched_recompute
    Consumer._wait_next_records = watched_fetch
    HighlightsApp.take_over = watched_take_over
    HighlightsApp.flush_before_giving_up = watched_give_up
    HighlightsApp.apply_interactions = watched_apply
