"""The feed's HTTP interface over a real ClickHouse."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient

from schemas.clickhouse import HighlightRow
from streams.feed import feed
from streams.serving.api import create_api
from streams.settings import ServingSettings
from tests.integration.running import System, eventually


@pytest.fixture
def api(system: System) -> Iterator[TestClient]:
    """The interface over a small library that a worker has scored."""
    system.start_worker()
    system.wait_for(system.send_simulated(5_000))
    with TestClient(create_api(system.client, system.settings.serving)) as client:
        yield client


def _but_tags(row: HighlightRow) -> dict[str, Any]:
    return row.model_dump(exclude={"tags"}) | {"tags": sorted(row.tags)}


def test_serving(api: TestClient, system: System) -> None:
    """Feed, curve and clip say what the tables say; what is wrong or unknown is a problem that names the parameter."""
    served = [HighlightRow.model_validate(item) for item in api.get("/v1/highlights?limit=5").json()["items"]]
    assert [_but_tags(row) for row in served] == [_but_tags(row) for row in feed(system.client, top=5)]
    best = api.get("/v1/highlights?limit=1").json()["items"][0]
    video, _, index = best["clip_id"].rpartition(":")
    curve = {point["clip_index"]: point["score"] for point in api.get(f"/v1/videos/{video}/curve").json()}
    assert curve[int(index)] == best["score"] == api.get(f"/v1/clips/{best['clip_id']}").json()["score"]
    assert api.get("/health/ready").status_code == 200
    wrong = api.get("/v1/highlights?limit=0")
    assert (wrong.status_code, wrong.json()["parameter"]) == (422, "limit")
    assert api.get("/v1/videos/nobody/curve").status_code == api.get("/v1/clips/nobody:1").status_code == 404
    assert api.get("/v1/clips/x:99999999999").status_code == 422


@contextmanager
def served(system: System, settings: ServingSettings) -> Iterator[str]:
    """Serve on a free port; yield the address."""
    api = create_api(system.client, settings)
    server = uvicorn.Server(uvicorn.Config(api, port=0, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started, "the server starts")
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def _events(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_stream(system: System) -> None:
    """The stream begins with the feed as it stands, and sends all of it again when viewers have changed it."""
    system.start_worker()
    first = system.send_simulated(2_000)
    system.wait_for(first)
    with (
        served(system, system.settings.serving) as address,
        httpx.stream("GET", f"{address}/v1/stream?limit=3", timeout=60) as response,
    ):
        events = _events(response)
        name, page = next(events)
        assert (name, len(page["items"])) == ("snapshot", 3)
        system.send_simulated(2_000, seed=2)
        name, changed = next(events)
        assert (name, len(changed["items"])) == ("change", 3)
        assert changed["published_at"] > page["published_at"]
        assert changed["items"] != page["items"]
    with TestClient(create_api(system.client, system.settings.serving)) as api:
        health = api.get("/v1/pipeline").json()
    assert health["clips"] == system.client.query("SELECT count() FROM fused_scores").result_rows[0][0]
    assert health["published_ago_s"] >= 0
