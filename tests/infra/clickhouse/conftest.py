"""One embedded ClickHouse for all tests of this folder; each test gets a database of its own."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from urllib.parse import urlencode

import clickhouse_connect
import pytest
import urllib3
from clickhouse_connect.driver.client import Client

from infra.embedded.clickhouse import EmbeddedClickHouse

PASSWORD = "it's a \\ secret"
Http = Callable[..., urllib3.BaseHTTPResponse]
_numbers = count()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    with EmbeddedClickHouse(tmp_path_factory.mktemp("clickhouse"), password=PASSWORD) as running:
        yield running


@pytest.fixture(scope="session")
def connect(server: EmbeddedClickHouse) -> Iterator[Callable[..., Client]]:
    """Makes clients as the project's code makes them."""
    clients: list[Client] = []

    def make(**options: Any) -> Client:
        client = clickhouse_connect.get_client(
            host="127.0.0.1", port=server.port, username=server.user, password=PASSWORD, **options
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def database(connect: Callable[..., Client]) -> Iterator[str]:
    """Name of a new, empty database."""
    name = f"test_{next(_numbers)}"
    administrator = connect()
    administrator.command(f"CREATE DATABASE {name}")
    yield name
    administrator.command(f"DROP DATABASE {name}")


@pytest.fixture
def client(connect: Callable[..., Client], database: str) -> Client:
    return connect(database=database)


@pytest.fixture
def http(server: EmbeddedClickHouse) -> Http:
    """Sends a plain HTTP request as the server's user: http(sql_or_bytes, method=..., headers=..., **url_parameters)."""
    pool = urllib3.PoolManager()
    credentials = {"X-ClickHouse-User": server.user, "X-ClickHouse-Key": PASSWORD}

    def send(
        body: str | bytes = b"",
        method: str = "POST",
        headers: dict[str, str] | None = None,
        **parameters: str,
    ) -> urllib3.BaseHTTPResponse:
        url = f"{server.url}/?{urlencode(parameters)}"
        data = body.encode() if isinstance(body, str) else body
        merged = credentials | (headers or {})
        return pool.request(method, url, body=data or None, headers=merged, retries=False)

    return send
