"""How many requests run at once, and how many may wait for that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.embedded.clickhouse_server.errors import ClickHouseError
from infra.embedded.clickhouse_server.limits import ServerLimits


class _Gate:
    def __init__(self, kind: str, places: int, waiting: int) -> None:
        self._kind = kind
        self._places = asyncio.Semaphore(places)
        self._free_to_wait = waiting
        self._running = f"{places} {kind} run"

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        if self._places.locked():
            await self._wait()
        else:
            await self._places.acquire()
        try:
            yield
        finally:
            self._places.release()

    async def _wait(self) -> None:
        if self._free_to_wait == 0:
            raise ClickHouseError(
                202,
                "TOO_MANY_SIMULTANEOUS_QUERIES",
                f"Too many simultaneous {self._kind}: {self._running} and no more may wait; try again later",
            )
        self._free_to_wait -= 1
        try:
            await self._places.acquire()
        finally:
            self._free_to_wait += 1


class Admission:
    """Places for queries and places for inserts: neither kind can stop the other."""

    def __init__(self, limits: ServerLimits) -> None:
        self._reads = _Gate("queries", limits.reads, limits.waiting)
        self._writes = _Gate("inserts", limits.writes, limits.waiting)

    @asynccontextmanager
    async def place(self, writes: bool) -> AsyncIterator[None]:
        """Hold a place while the request runs.

        Raises:
            ClickHouseError: TOO_MANY_SIMULTANEOUS_QUERIES (503), where all places are taken and as many wait
            as may.
        """
        async with (self._writes if writes else self._reads).place():
            yield
