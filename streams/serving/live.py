"""The snapshots that requests are answered from: one reader makes them about twice a second, while anything changes."""

import asyncio
import secrets
import time
from typing import Final

import structlog
from clickhouse_connect.driver.client import Client

from schemas.errors import DeliveryError
from streams import metrics
from streams.serving.library import Library
from streams.serving.snapshot import Snapshot

log = structlog.get_logger()

_INTERVAL_S: Final = 0.4
"""From the beginning of one reading to that of the next."""
_LEAST_PAUSE: Final = 0.5
"""Between two readings, as a part of what the first took: where ClickHouse is slow, it is not asked all the time."""
_STALE_S: Final = 15.0


class Live:
    """The newest snapshot. Of one event loop; ClickHouse is read in a thread."""

    def __init__(self, client: Client) -> None:
        """Begin without a snapshot."""
        self._library = Library(client)
        self._current: Snapshot | None = None
        self._start = secrets.token_hex(4)
        self._count = 0
        self._changed = asyncio.Event()
        self._heard = time.monotonic() - _STALE_S
        metrics.FEED_AGE.set_function(lambda: time.monotonic() - self._heard)

    @property
    def current(self) -> Snapshot:
        """The newest snapshot.

        Raises:
            DeliveryError: nothing has been read yet.
        """
        if self._current is None:
            message = "scores have not been read yet"
            raise DeliveryError(message)
        return self._current

    @property
    def is_fresh(self) -> bool:
        """Whether ClickHouse has answered lately."""
        return self._current is not None and time.monotonic() - self._heard < _STALE_S

    @property
    def changed(self) -> asyncio.Event:
        """Set as soon as there is a newer snapshot than the present one."""
        return self._changed

    async def run(self) -> None:
        """Refresh for ever."""
        while True:
            began = time.monotonic()
            await self.refresh()
            await asyncio.sleep(pause_after(time.monotonic() - began))

    async def refresh(self) -> None:
        """Make a newer snapshot if anything has changed; whatever goes wrong is logged, and leaves the old one."""
        try:
            snapshot = await asyncio.to_thread(self._read)
        except DeliveryError as error:
            log.warning("the feed is not refreshed", error=str(error))
        except Exception:  # a reader that ends would leave the feed as it is for ever
            log.exception("the feed is not refreshed")
        else:
            self._heard = time.monotonic()
            if snapshot is not None:
                self._show(snapshot)

    def _show(self, snapshot: Snapshot) -> None:
        self._current = snapshot
        metrics.FEED_CLIPS.set(len(snapshot.order))
        self._changed.set()
        self._changed = asyncio.Event()

    def _read(self) -> Snapshot | None:
        started = time.monotonic()
        is_new = self._library.refresh()
        if not is_new and self._current is not None:
            return None
        self._count += 1
        snapshot = self._library.snapshot(f"{self._start}-{self._count}")
        metrics.FEED_REFRESH_SECONDS.observe(time.monotonic() - started)
        return snapshot


def pause_after(took_s: float) -> float:
    """Return how long to wait after a reading that took so long, in seconds."""
    return max(_INTERVAL_S - took_s, took_s * _LEAST_PAUSE)
