"""What the page shows of the pipeline's health, as ClickHouse and the workers' ledgers tell it."""

import asyncio
import time
from typing import Any, Final

import numpy as np
from clickhouse_connect.driver.client import Client
from pydantic import BaseModel

from streams import clickhouse
from streams.serving.ledgers import Ledgers, Progress
from streams.serving.live import Live

_KEPT_S: Final = 2.0


class Release(BaseModel):
    """A ranker release that present scores are made with."""

    ranker_release: str
    clips: int


class Pipeline(BaseModel):
    """Size and freshness of what is served."""

    clips: int
    videos: int
    published_at: int
    """When the newest score was published, Unix milliseconds; 0 while there is none."""
    published_ago_s: float | None
    """By ClickHouse's clock."""
    event_at: int | None
    """Event time of the newest interaction that counted, Unix milliseconds."""
    rows_per_minute: int
    """Rows published in the last minute."""
    releases: list[Release]
    progress: Progress | None
    """What waits and what was buried; null where the server has no Kafka, or Kafka does not answer."""


_FRESHNESS: Final = """
SELECT dateDiff('millisecond', max(published_at), now64(3)) / 1000 AS published_ago_s,
       countIf(published_at > now64(3) - INTERVAL 1 MINUTE) AS rows_per_minute
FROM clip_scores
"""
_RELEASES: Final = """
SELECT toString(ranker_release) AS ranker_release, count() AS clips
FROM fused_scores WHERE ranker_release != ''
GROUP BY ALL ORDER BY clips DESC LIMIT 10
"""


class Health:
    """The pipeline's state for all who ask: it is read once in two seconds, however many do. Of one event loop."""

    def __init__(self, client: Client, live: Live, ledgers: Ledgers | None) -> None:
        """Begin without a state; `client` reads ClickHouse."""
        self._client, self._live, self._ledgers = client, live, ledgers
        self._reading: asyncio.Task[Pipeline] | None = None
        self._until = 0.0

    async def now(self) -> Pipeline:
        """Return the state, at most two seconds old, or older by what a read takes.

        Raises:
            DeliveryError: ClickHouse does not answer.
        """
        if self._reading is None or (self._reading.done() and time.monotonic() > self._until):
            self._reading = asyncio.create_task(asyncio.to_thread(self._read))
            self._until = time.monotonic() + _KEPT_S
        return await asyncio.shield(self._reading)  # who goes away does not take it from the others

    def _read(self) -> Pipeline:
        snapshot = self._live.current
        with clickhouse.telling("ClickHouse did not answer"):
            freshness = next(iter(self._client.query(_FRESHNESS).named_results()))
            releases: list[Any] = list(self._client.query(_RELEASES).named_results())
        newest = int(snapshot.rows["event_at_ms"].max(initial=-1))
        return Pipeline(
            clips=len(snapshot.order),
            videos=len(np.unique(snapshot.rows["video"][snapshot.order])),
            published_at=snapshot.published_at_ms,
            published_ago_s=freshness["published_ago_s"] if snapshot.published_at_ms else None,
            event_at=newest if newest >= 0 else None,
            rows_per_minute=freshness["rows_per_minute"],
            releases=releases,
            progress=self._ledgers.progress() if self._ledgers else None,
        )
