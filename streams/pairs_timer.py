"""Weak pairs at an interval: the worker that has the first partition has them built, in a process of their own.

Pairs are the library's, and a worker has some partitions of it: the process reads the state of all of them (`streams.learning`).
"""

import asyncio
import math
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from clickhouse_connect.driver.client import Client

from schemas.errors import HighlightsError
from streams.learning.age import seconds_since_build
from streams.settings import Settings
from streams.store import ColumnStore

log = structlog.get_logger()

_COMMAND: Final = (sys.executable, "-m", "streams.cli", "pairs")
_FIRST_PARTITION: Final = 0
_LOOK_S: Final = 600.0
"""Time between looks at how old the newest pairs are, at most."""


class PairsTimer:
    """Has weak pairs built when the newest ones, by whomever, are old."""

    def __init__(self, settings: Settings, store: ColumnStore, client: Client) -> None:
        """Watch the age of the pairs in ClickHouse while the store has the first partition."""
        self._settings, self._store, self._client = settings, store, client
        self._built_at = -math.inf

    async def run(self, should_stop: Callable[[], bool], sleep: Callable[[float], Awaitable[Any]]) -> None:
        """Build whenever it is time; what fails is tried again at the next look."""
        interval_s = self._settings.learning.pairs_interval_hours * 3600
        while interval_s and not should_stop():
            await sleep(min(interval_s, _LOOK_S))
            if _FIRST_PARTITION not in self._store.states:
                continue
            try:
                age_s = await asyncio.to_thread(seconds_since_build, self._client)
            except HighlightsError as error:
                log.warning("age of the weak pairs unknown", error=str(error))
                continue
            if min(age_s, time.monotonic() - self._built_at) >= interval_s:  # a build without pairs has no age there
                await self._build()

    async def _build(self) -> None:
        process = await asyncio.create_subprocess_exec(*_COMMAND, stdout=PIPE, stderr=PIPE)
        try:
            said, complaint = (text.decode(errors="replace").strip() for text in await process.communicate())
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            log.warning("weak pairs not built", error=complaint[-1000:])
        else:
            self._built_at = time.monotonic()
            log.info("weak pairs built", said=said)
