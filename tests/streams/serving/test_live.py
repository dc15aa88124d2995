"""The feed while ClickHouse is away: what was read stays in service, and whoever asks is told that it is old."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import OperationalError
from fastapi.testclient import TestClient

from schemas.errors import DeliveryError
from streams.serving import live
from streams.serving.api import create_api
from streams.serving.live import Live
from streams.serving.snapshot import FLOATS, INTEGERS
from streams.settings import ServingSettings


def _clip(version: int, score: float) -> pa.Table:
    """Return what ClickHouse says of one clip."""
    numbers = {name: pa.array([score], pa.float32()) for name in FLOATS} | {name: pa.array([1], pa.uint32()) for name in INTEGERS}
    ids = {"video_id": ["v1"], "clip_index": pa.array([0], pa.uint32()), "version": pa.array([version], pa.uint64())}
    times = {"supervised_offset": [-1], "published_at_ms": [1_790_000_000_000 + version], "event_at_ms": [-1], "known": [True]}
    return pa.table(ids | numbers | times | {"batch": [version]})


class _ClickHouse:
    """Answers as it is told, one answer after the other, then fails."""

    def __init__(self, *answers: pa.Table | None) -> None:
        self._answers = list(answers)

    def query_arrow(self, *_query: Any, **_options: Any) -> pa.Table:
        answer = self._answers.pop(0) if self._answers else None
        if answer is None:
            message = "connection refused"
            raise OperationalError(message)
        return answer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the feed sees."""
    now = [1_000.0]
    monkeypatch.setattr(live, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_the_last_snapshot_is_served_until_there_is_a_newer_one(clock: list[float]) -> None:
    """Two reads fail: the old scores stay, called old after a while; the next read brings new ones, and they are fresh."""
    feed = Live(cast("Any", _ClickHouse(_clip(1, 5.0), None, None, _clip(2, 6.0))))

    async def refreshed() -> tuple[float, bool]:
        await feed.refresh()
        return float(feed.current.rows["score"][0]), feed.is_fresh

    async def told() -> list[tuple[float, bool]]:
        found = [await refreshed()]
        for seconds in (live._STALE_S - 1, 1, 1):
            clock[0] += seconds
            found.append(await refreshed())
        return found

    assert asyncio.run(told()) == [(5.0, True), (5.0, True), (5.0, False), (6.0, True)]


def test_before_the_first_answer_there_is_nothing_to_serve(clock: list[float]) -> None:
    """It is neither fresh nor an empty feed."""
    feed = Live(cast("Any", _ClickHouse()))
    asyncio.run(feed.refresh())
    assert not feed.is_fresh
    with pytest.raises(DeliveryError, match="not been read yet"):
        _ = feed.current
    clock[0] -= live._STALE_S
    assert not feed.is_fresh


def test_readiness_is_that_of_the_scores(clock: list[float]) -> None:
    """A server whose scores have become old says 503 to whoever asks whether it is ready, and goes on to serve them."""
    with TestClient(create_api(cast("Any", _ClickHouse(_clip(1, 5.0))), ServingSettings())) as api:
        assert api.get("/health/ready").status_code == 200
        clock[0] += live._STALE_S
        assert api.get("/health/ready").status_code == 503
        assert api.get("/health/live").status_code == 200
        assert [item["score"] for item in api.get("/v1/highlights").json()["items"]] == [5.0]


def test_a_server_that_has_read_nothing_is_not_ready() -> None:
    """Nor has it a feed, which says so."""
    with TestClient(create_api(cast("Any", _ClickHouse()), ServingSettings())) as api:
        assert [api.get(path).status_code for path in ("/health/ready", "/v1/highlights")] == [503, 503]


@pytest.mark.parametrize(("took_s", "pause_s"), [(0.0, 0.4), (0.1, 0.3), (0.3, 0.15), (4.0, 2.0)])
def test_readings_begin_at_a_steady_pace_and_leave_a_slow_clickhouse_a_third_of_the_time(took_s: float, pause_s: float) -> None:
    """What a reading took counts as waiting, but a pause is at least half as long as the reading before it."""
    assert live.pause_after(took_s) == pytest.approx(pause_s)
