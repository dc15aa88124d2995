"""Every route below /v1 asks for a key, and for one that is for it."""

from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from streams.serving.api import create_api
from streams.settings import ServingSettings

_SCOPES = {
    "/v1/highlights": "feed",
    "/v1/stream": "feed",
    "/v1/videos/{video_id:path}/curve": "clips",
    "/v1/clips/{clip_id:path}": "clips",
    "/v1/pipeline": "operate",
}
_VALUES = {"{video_id:path}": "v1", "{clip_id:path}": "v1:0"}


def _client(folder: Path, requests_per_minute: int = 0) -> TestClient:
    """Return the interface, not started and without a ClickHouse, with a key of each name that is for all but that."""
    names = sorted(set(_SCOPES.values()))
    keys = (
        f"- {{name: not-{name}, sha256: {sha256(name.encode()).hexdigest()}, scopes: [{', '.join({*names} - {name})}]}}\n"
        for name in names
    )
    (folder / "keys.yaml").write_text("".join(keys))
    settings = ServingSettings(keys_file=folder / "keys.yaml", requests_per_minute=requests_per_minute)
    return TestClient(create_api(cast("Any", None), settings))


def _status(api: TestClient, path: str, key: str | None = None) -> int:
    return api.get(path, headers={"authorization": f"Bearer {key}"} if key else {}).status_code


def test_every_route_is_known(tmp_path: Path) -> None:
    """A route that is added is to be added here, with whom it is for."""
    routes = cast("Any", _client(tmp_path).app).routes
    assert {route.path for route in routes if isinstance(route, APIRoute) and route.path.startswith("/v1")} == set(_SCOPES)


@pytest.mark.parametrize(("path", "scope"), _SCOPES.items())
def test_a_route_is_closed_without_its_key(path: str, scope: str, tmp_path: Path) -> None:
    """No key and an unknown one are 401, and one for all other routes is 403."""
    api = _client(tmp_path)
    asked = "/".join(_VALUES.get(part, part) for part in path.split("/"))
    assert [_status(api, asked, key) for key in (None, "guessed", scope)] == [401, 401, 403]


@pytest.mark.usefixtures("early_in_a_minute")
def test_guessing_is_slow(tmp_path: Path) -> None:
    """Requests with unknown keys are counted by address; those with a known one are not held up by them."""
    api = _client(tmp_path, requests_per_minute=3)
    assert [_status(api, "/v1/pipeline", f"guess-{number}") for number in range(5)] == [401, 401, 401, 429, 429]
    assert _status(api, "/v1/pipeline", "operate") == 403
