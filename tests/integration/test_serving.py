"""The feed's HTTP interface over a real ClickHouse."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from clickhouse_connect.driver.client import Client
from fastapi.testclient import TestClient

from schemas.clickhouse import HighlightRow
from schemas.topics import SUPERVISED_SCORES
from streams.feed import curve, explain, feed
from streams.serving.api import create_api
from streams.serving.ledgers import Ledgers
from streams.serving.library import SWEEP, Library
from streams.serving.server import options
from streams.settings import ServingSettings
from tests.integration.running import START_MS, System, eventually
from tests.integration.watched import Watched


@pytest.fixture
def scored(system: System) -> System:
    """A small library that a worker has scored, which is gone: nothing is published but by a test."""
    system.start_worker()
    system.wait_for(system.send_simulated(5_000))
    system.forget_workers()
    return system


@pytest.fixture
def api(scored: System) -> Iterator[TestClient]:
    """The interface over it."""
    with TestClient(create_api(scored.client, scored.settings.serving)) as client:
        yield client


def _but_tags(row: HighlightRow) -> dict[str, Any]:
    return row.model_dump(exclude={"tags"}) | {"tags": sorted(row.tags)}


def test_serving(api: TestClient, system: System) -> None:
    """Feed, curve and clip say what the tables say; what is wrong or unknown is a problem that names the parameter."""
    served = [HighlightRow.model_validate(item) for item in api.get("/v1/highlights?limit=5").json()["items"]]
    assert [_but_tags(row) for row in served] == [_but_tags(row) for row in feed(system.client, top=5)]
    best = api.get("/v1/highlights?limit=1").json()["items"][0]
    video, _, index = best["clip_id"].rpartition(":")
    scores = {point["clip_index"]: point["score"] for point in api.get(f"/v1/videos/{video}/curve").json()}
    assert scores[int(index)] == best["score"] == api.get(f"/v1/clips/{best['clip_id']}").json()["score"]
    assert api.get("/health/ready").status_code == 200
    wrong = api.get("/v1/highlights?limit=0")
    assert (wrong.status_code, wrong.json()["parameter"]) == (422, "limit")
    assert api.get("/v1/videos/nobody/curve").status_code == api.get("/v1/clips/nobody:1").status_code == 404
    assert api.get("/v1/clips/x:99999999999").status_code == 422


def _move(system: System, clip_id: str) -> None:
    """Publish a clip anew, worth less than any other."""
    video, _, index = clip_id.rpartition(":")
    system.client.command(
        "INSERT INTO clip_scores SELECT * REPLACE (version + 1 AS version, -9 AS worth, now64(3) AS published_at)"
        " FROM clip_scores FINAL WHERE video_id = {video:String} AND clip_index = {index:UInt32}",
        parameters={"video": video, "index": int(index)},
    )


def test_pages_hold_still_while_scores_move(api: TestClient, system: System) -> None:
    """A cursor is of the ranking that the first page was of, whatever was published since; with another filter it is refused."""
    whole = [item["clip_id"] for item in api.get("/v1/highlights?limit=6").json()["items"]]
    first = api.get("/v1/highlights?limit=3")
    for known in (first.headers["etag"], "*"):
        assert api.get("/v1/highlights?limit=3", headers={"if-none-match": known}).status_code == 304
    _move(system, whole[0])
    eventually(lambda: api.get("/v1/highlights?limit=3").json()["items"][0]["clip_id"] == whole[1], "the move")
    assert api.get("/v1/highlights?limit=3", headers={"if-none-match": first.headers["etag"]}).status_code == 200
    cursor = first.json()["next"]
    page = api.get(f"/v1/highlights?limit=3&cursor={cursor}").json()
    assert [item["clip_id"] for item in page["items"]] == whole[3:]
    refused = api.get(f"/v1/highlights?limit=3&per_video=1&cursor={cursor}")
    assert (refused.status_code, refused.json()["parameter"]) == (422, "cursor")


def test_a_cursor_whose_ranking_is_gone_is_told_so(scored: System) -> None:
    """A server that keeps one ranking forgets the one before it."""
    with TestClient(create_api(scored.client, ServingSettings(kept_rankings=1))) as api:
        first = api.get("/v1/highlights?limit=1").json()
        _move(scored, first["items"][0]["clip_id"])
        eventually(lambda: api.get("/v1/highlights?limit=1").json()["items"] != first["items"], "the move")
        assert api.get("/v1/highlights?limit=1").json()["next"]
        gone = api.get(f"/v1/highlights?limit=1&cursor={first['next']}")
    assert (gone.status_code, gone.json()["parameter"]) == (410, "cursor")


def test_other_origins_read_what_they_are_let(system: System) -> None:
    """Pages of an origin that is set may read answers and their ETag, and send a key; those of others may not."""
    with TestClient(create_api(system.client, ServingSettings(cors_origins="https://example.org"))) as api:
        for origin, allowed in (("https://example.org", "https://example.org"), ("https://other.org", None)):
            answer = api.get("/health/live", headers={"origin": origin})
            assert answer.headers.get("access-control-allow-origin") == allowed
        asked = {"origin": "https://example.org", "access-control-request-method": "GET"}
        preflight = api.options(
            "/v1/highlights", headers=asked | {"access-control-request-headers": "authorization,if-none-match"}
        )
        assert preflight.status_code == 200


def test_a_video_id_may_hold_what_an_address_may_not(system: System) -> None:
    """All that the contract allows in an identifier can be asked for, percent-encoded."""
    video = "a/b?c%2F#d&e/curve"
    message = {"schema_version": 1, "kind": "play", "video_id": video, "session_id": "s", "from_s": 0, "to_s": 30}
    system.send_raw([(video.encode(), json.dumps(message | {"occurred_at_ms": START_MS}).encode())])
    system.start_worker()
    system.wait_for(1)
    with served(system.client, system.settings.serving) as address:
        curve = httpx.get(f"{address}/v1/videos/{quote(video, safe='')}/curve").json()
        clip = httpx.get(f"{address}/v1/clips/{quote(video, safe='')}:2").json()
    assert [point["clip_index"] for point in curve] == [0, 1, 2]
    assert clip["clip_id"] == f"{video}:2"


def test_a_row_that_is_seen_late_is_served(api: TestClient, system: System) -> None:
    """A row that says it was published long ago, as after an outage, is found by a look at the whole library, slice by slice."""
    best = api.get("/v1/highlights?limit=1").json()["items"][0]
    video, _, index = best["clip_id"].rpartition(":")
    library = Library(system.client)
    library.refresh()
    before = library.snapshot("before")
    system.client.command(
        "INSERT INTO clip_scores"
        " SELECT * REPLACE (version + 1 AS version, 0.5 AS score, published_at - INTERVAL 1 HOUR AS published_at)"
        " FROM clip_scores FINAL WHERE video_id = {video:String} AND clip_index = {index:UInt32}",
        parameters={"video": video, "index": int(index)},
    )
    assert sum(library.refresh() for _ in range(SWEEP)) == 1
    late = library.snapshot("late")
    is_it = (late.rows["video"] == late.videos.index(video)) & (late.rows["clip_index"] == int(index))
    assert late.rows["score"][is_it].tolist() == [0.5]
    assert before.rows["score"][is_it].tolist() == [pytest.approx(best["score"])]


def test_what_models_have_withdrawn_is_shown_no_more(system: System) -> None:
    """Tags and category go with the output, in the view, the explanation and the feed, though viewers keep the clip's score."""
    video, clip = "v1", {"clip_index": 0, "score_mean": 9.0, "score_sd": 1.0, "tags": {"goal": 0.9}}
    output = {"schema_version": 1, "video_id": video, "model_version": "m", "category": "sports", "clips": [clip]}
    play = {"schema_version": 1, "kind": "play", "video_id": video, "session_id": "s", "from_s": 0, "to_s": 30}
    system.send_raw([(video.encode(), json.dumps(output).encode())], topic=SUPERVISED_SCORES)
    system.send_raw([(video.encode(), json.dumps(play | {"occurred_at_ms": START_MS}).encode())])
    system.start_worker()
    library = Library(system.client)

    def shown() -> tuple[list[HighlightRow], dict[str, float], list[str]]:
        likely = curve(system.client, "v1")[0].likely_tags
        return feed(system.client, top=1, tag="goal"), explain(system.client, "v1:0")["tags"], likely

    system.eventually(lambda: len(feed(system.client, top=9, tag="goal")) == 1, "the tag")
    assert shown()[1:] == ({"goal": pytest.approx(0.9)}, ["goal"])
    library.refresh()
    tagged = library.snapshot("tagged")
    system.send_raw([(video.encode(), None)], topic=SUPERVISED_SCORES)
    system.eventually(lambda: shown() == ([], {}, []), "neither tag nor category")
    (row,) = (row for row in feed(system.client, top=9) if row.clip_id == "v1:0")
    assert (row.category, row.tags, row.exposures) == ("", {}, 1)
    eventually(library.refresh, "the withdrawal in the feed")
    bare = library.snapshot("bare")
    assert len(tagged.tags["goal"]) == 1
    assert bare.tags == {}
    assert {bare.categories[code] for code in bare.rows["category"]} == {""}


@contextmanager
def served(client: Client, settings: ServingSettings) -> Iterator[str]:
    """Serve on a free port; yield the address."""
    api = create_api(client, settings)
    server = uvicorn.Server(uvicorn.Config(api, **options(settings) | {"port": 0, "log_level": "warning"}))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started, "the server starts")
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def test_head_has_the_headers_of_get_and_nothing_else(scored: System) -> None:
    """Who looks whether something is there, or has changed, need not take it."""
    with served(scored.client, scored.settings.serving) as address:
        for path in ("/", "/static/page.js", "/v1/highlights?limit=3", "/health/ready", "/v1/clips/nobody:1"):
            got, head = httpx.get(address + path), httpx.head(address + path)
            assert head.status_code == got.status_code
            assert dict(head.headers) | {"date": ""} == dict(got.headers) | {"date": ""}
            assert (head.content, len(got.content)) == (b"", int(got.headers["content-length"]))
        assert httpx.head(f"{address}/v1/stream").status_code == 405


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
        served(system.client, system.settings.serving) as address,
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


def test_pipeline(system: System) -> None:
    """The pipeline's state is what is in ClickHouse, what waits in Kafka, and what was buried; without Kafka the first alone."""
    worker = system.start_worker()
    sent = system.send_simulated(2_000)
    system.send_raw([(b"v1", b"no interaction")] * 3)
    system.wait_for(sent + 3)
    worker.terminate()
    worker.wait(60)
    waiting = system.send_simulated(700, seed=2)
    with TestClient(create_api(system.client, system.settings.serving, Ledgers(system.settings))) as api:
        health = api.get("/v1/pipeline").json()
    assert health["clips"] == system.client.query("SELECT count() FROM fused_scores").result_rows[0][0]
    assert health["published_ago_s"] >= 0
    assert health["progress"] == {"lag": waiting, "interactions": sent + 3, "dead_letters": {"invalid_json": 3}}
    with TestClient(create_api(system.client, system.settings.serving)) as api:
        assert api.get("/v1/pipeline").json()["progress"] is None


def test_many_pages_ask_for_the_pipeline_as_one(system: System) -> None:
    """Whoever asks within two seconds is told the same; then ClickHouse is asked again."""
    client = Watched(system.client)

    def asked() -> int:
        return len(client.rows_of("rows_per_minute"))

    with TestClient(create_api(client, system.settings.serving)) as api, ThreadPoolExecutor(8) as pages:
        told = list(pages.map(lambda _: api.get("/v1/pipeline").json(), range(40)))
        assert (told[0], asked()) == (told[-1], 1)
        time.sleep(2.1)
        api.get("/v1/pipeline")
        assert asked() == 2
