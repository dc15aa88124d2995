"""The feed's HTTP interface keeps its own contract, whoever asks for whatever."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import requests
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import settings as examples
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from schemas.errors import ConfigurationError
from streams.metrics import REGISTRIES, Process
from streams.serving.api import create_api
from streams.serving.feed import Page
from streams.settings import ServingSettings
from tests.integration.running import System, eventually
from tests.integration.test_serving import served
from tests.integration.watched import Watched

_EXCLUDED = [ignored_auth, positive_data_acceptance]  # no key is asked for here, and a cursor may be well formed and yet gone
_PROBLEM = "application/problem+json"
_KEY = {"authorization": "Bearer secret"}
_LEAKS = ("SELECT", "DB::", "Code:", "Traceback", "streams/", ".py", "/usr", "site-packages", "clip_scores")
_PATHS = ("/v1/highlights", "/v1/videos/{}/curve", "/v1/clips/{}", "/v1/pipeline", "/health/ready", "/{}")
_PARAMETERS = ("limit", "category", "tag", "video", "minimum_confidence", "since", "per_video", "cursor", "x")
_VALUES = (
    *("", "0", "-1", "1e999", "nan", "inf", "99999999999999999999", "true", "null", "[]", "{}", "%00", "\x00", "\ud7ff", "☃"),
    *("' OR 1=1 --", "x'; DROP TABLE clip_scores", "{video:String}", "../../etc/passwd", "a" * 5_000, "v000001", "v000001:3"),
    *(
        "2026-13-45",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59+00:00",
        "00000000-1.2.0000000000000000",
        "sport",
        ":",
        "v:99999",
    ),
)


@pytest.fixture
def address(system: System) -> Iterator[str]:
    """A served library that a worker has scored."""
    system.start_worker()
    system.wait_for(system.send_simulated(2_000))
    with served(system.client, system.settings.serving) as found:
        yield found


def test_openapi(address: str) -> None:
    """What the interface answers is what its OpenAPI says, for requests that keep it and for requests that do not."""
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json").exclude(path="/v1/stream")
    for operation in schema.get_all_operations():

        @examples(max_examples=40, derandomize=True, deadline=None, database=None)
        @given(case=operation.ok().as_strategy())
        def keeps_it(case: schemathesis.Case) -> None:
            case.call_and_validate(excluded_checks=_EXCLUDED)

        keeps_it()


def test_the_stream_keeps_the_contract(address: str) -> None:
    """So does the stream: its first event is a page, a wrong parameter is a problem, and none stays open that nobody reads."""
    (operation,) = schemathesis.openapi.from_url(f"{address}/openapi.json").include(path="/v1/stream").get_all_operations()

    @examples(max_examples=40, derandomize=True, deadline=None, database=None)
    @given(case=operation.ok().as_strategy())
    def keeps_it(case: schemathesis.Case) -> None:
        with requests.request(**case.as_transport_kwargs(base_url=address), stream=True, timeout=30) as answer:
            kind = answer.headers["content-type"].partition(";")[0]
            assert (answer.status_code, kind) in ((200, "text/event-stream"), (422, _PROBLEM))
            if answer.status_code == 200:
                told = (line.partition(b": ")[2] for line in answer.iter_lines(65_536) if line.startswith((b"event", b"data")))
                name, data = next(told), next(told)
                assert name == b"snapshot"
                Page.model_validate_json(data)
            else:
                assert answer.json()["parameter"]

    keeps_it()
    eventually(lambda: REGISTRIES[Process.FEED].get_sample_value("highlights_open_streams") == 0, "the end of all streams")


async def test_malformed(system: System) -> None:
    """None of 10,000 requests that make no sense is answered by 500, or by a word of SQL or a path."""
    draw, app = random.Random(8), create_api(system.client, ServingSettings())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://feed") as api:
        for _ in range(10_000):
            path = draw.choice(_PATHS).format(quote(draw.choice(_VALUES), safe=""))
            query = "&".join(f"{draw.choice(_PARAMETERS)}={quote(draw.choice(_VALUES))}" for _ in range(draw.randrange(4)))
            answer = await api.request(draw.choice(("GET", "GET", "GET", "POST", "DELETE")), f"{path}?{query}")
            assert answer.status_code != 500, (path, query)
            if answer.status_code != 200:
                assert not [word for word in _LEAKS if word in answer.json().get("detail", "")], (path, query, answer.text)


@pytest.mark.usefixtures("early_in_a_minute")
def test_keys(system: System, tmp_path: Path) -> None:
    """A key opens what its scopes name; without one there is nothing; too many requests are refused."""
    keys = tmp_path / "keys.yaml"
    keys.write_text(f"- {{name: app, sha256: {sha256(b'secret').hexdigest()}, scopes: [feed]}}\n")
    settings = ServingSettings(host="0.0.0.0", keys_file=keys, requests_per_minute=3)
    with TestClient(create_api(system.client, settings)) as api:
        assert api.get("/v1/highlights").status_code == 401
        assert api.get("/v1/highlights", headers=_KEY).status_code == 200
        assert api.get("/v1/pipeline", headers=_KEY).status_code == 403
        assert api.get("/v1/highlights", headers=_KEY).status_code == 200
        refused = api.get("/v1/highlights", headers=_KEY)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
        assert api.get("/health/live").status_code == 200


def test_wrong_keys(system: System, tmp_path: Path) -> None:
    """A file of keys that cannot be understood is named, and nobody is served."""
    keys = tmp_path / "keys.yaml"
    keys.write_text("- {name: app, key: secret}\n")
    with pytest.raises(ConfigurationError, match=r"keys\.yaml"):
        create_api(system.client, ServingSettings(keys_file=keys))


def test_open_to_others() -> None:
    """Beyond this machine nobody is served without keys."""
    with pytest.raises(ValueError, match="KEYS_FILE"):
        ServingSettings(host="0.0.0.0")


def _get(address: str, path: str, **headers: str) -> tuple[int, str]:
    """Return the status and the kind of an answer."""
    answer = httpx.get(address + path, headers=headers, timeout=10)
    return answer.status_code, answer.headers["content-type"]


def test_too_many_at_once(system: System) -> None:
    """Requests above the limit are refused until others are answered, but for those for health; so are a caller's streams."""
    settings = ServingSettings(max_connections=2, streams_per_key=1)
    with served(system.client, settings) as address:
        with httpx.stream("GET", f"{address}/v1/stream") as one:
            assert one.status_code == 200
            assert _get(address, "/v1/stream") == (429, _PROBLEM)
            assert _get(address, "/v1/highlights") == (200, "application/json")
        eventually(lambda: _get(address, "/v1/highlights")[0] == 200, "the end of the stream")
    with served(system.client, settings.model_copy(update={"streams_per_key": 0})) as address:
        with httpx.stream("GET", f"{address}/v1/stream"), httpx.stream("GET", f"{address}/v1/stream"):
            assert _get(address, "/v1/highlights") == (503, _PROBLEM)
            assert _get(address, "/health/live")[0] == _get(address, "/health/ready")[0] == 200
        eventually(lambda: _get(address, "/v1/highlights")[0] == 200, "the end of the streams")


def test_a_stream_that_has_ended_makes_room(system: System) -> None:
    """A caller may open as many streams as it is let, one after another."""
    with served(system.client, ServingSettings(streams_per_key=1)) as address:
        for _ in range(3):
            with httpx.stream("GET", f"{address}/v1/stream") as stream:
                assert stream.status_code == 200
            eventually(lambda: REGISTRIES[Process.FEED].get_sample_value("highlights_open_streams") == 0, "its end")


def test_health_waits_for_nobody(system: System) -> None:
    """While ClickHouse lets more questions wait than there are threads, the process says that it lives, and what is wrong."""
    client, answers = Watched(system.client), threading.Event()
    with served(client, ServingSettings()) as address, ThreadPoolExecutor(50) as callers:
        client.before = answers.wait
        asked = [callers.submit(_get, address, "/v1/videos/v1/curve") for _ in range(50)]
        time.sleep(1)
        try:
            assert _get(address, "/health/live")[0] == 200
            assert _get(address, "/v1/highlights?limit=0") == (422, _PROBLEM)
        finally:
            answers.set()
        assert {answer.result() for answer in asked} == {(404, _PROBLEM)}


def test_a_fault_is_a_problem(system: System) -> None:
    """What nobody has thought of is told as a problem, too, without a word of what it was."""
    client = Watched(system.client)
    with TestClient(create_api(client, ServingSettings()), raise_server_exceptions=False) as api:
        client.fails = ("fused_scores", ZeroDivisionError("SELECT"))
        answer = api.get("/v1/clips/v:1")
    assert (answer.status_code, answer.headers["content-type"]) == (500, _PROBLEM)
    assert "SELECT" not in answer.text


@pytest.mark.usefixtures("early_in_a_minute")
def test_an_address_is_a_proxys_word_where_it_is_trusted(system: System) -> None:
    """Whoever says to ask for another is counted all the same, but for a proxy that is named."""
    settings = ServingSettings(requests_per_minute=1)
    for trusted, then in (("", 429), ("127.0.0.0/8", 200)):
        with served(system.client, settings.model_copy(update={"trusted_proxies": trusted})) as address:
            told = [_get(address, "/v1/highlights", **{"x-forwarded-for": f"10.0.0.{number}"})[0] for number in (1, 2)]
        assert told == [200, then]


def test_trusted_proxies_are_addresses() -> None:
    """A name, or everybody, is none."""
    for wrong in ("*", "proxy"):
        with pytest.raises(ValueError, match="IPv4"):
            ServingSettings(trusted_proxies=wrong)


def test_a_browser_asks_again_for_the_page(system: System) -> None:
    """Page and modules are used again only if they are still the same, so no two versions of them meet."""
    with TestClient(create_api(system.client, ServingSettings())) as api:
        for path in ("/", "/static/page.js"):
            first = api.get(path)
            assert (first.status_code, first.headers["cache-control"]) == (200, "no-cache")
            assert api.get(path, headers={"if-none-match": first.headers["etag"]}).status_code == 304
        assert api.head("/").status_code == 200
