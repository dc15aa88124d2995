"""What happens at each of the server's limits."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from infra.embedded.clickhouse_server.admission import Admission
from infra.embedded.clickhouse_server.authentication import Account
from infra.embedded.clickhouse_server.compression import decompress
from infra.embedded.clickhouse_server.disk_reserve import DiskReserve
from infra.embedded.clickhouse_server.engine import Engine
from infra.embedded.clickhouse_server.errors import ClickHouseError
from infra.embedded.clickhouse_server.limits import ServerLimits
from infra.embedded.clickhouse_server.service import Service
from infra.embedded.clickhouse_server.sessions import Connections

LIMITS = ServerLimits(
    request_bytes=2_000,
    statement_bytes=1_000,
    buffered_result_bytes=50_000,
    reads=1,
    writes=1,
    waiting=1,
    sessions=2,
)
HEADERS = {"X-ClickHouse-User": "u", "X-ClickHouse-Key": "p"}


class FakeClock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("limits")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def small(data_dir: Path, clock: FakeClock) -> AsyncIterator[TestClient]:
    """A server in this process with the limits above."""
    engine = Engine(data_dir)
    connections = Connections(engine, LIMITS.sessions, clock)
    threads = ThreadPoolExecutor(4)
    application = Service(engine, connections, Account("u", "p"), LIMITS, DiskReserve(data_dir, 0), threads).application()
    server = TestServer(application, auto_decompress=False)
    async with TestClient(server, headers=HEADERS) as client:
        yield client
    connections.close()
    threads.shutdown()
    engine.close()


async def send(client: "TestClient", body: str, **parameters: str) -> tuple[int, str, str]:
    async with client.post("/", data=body.encode(), params=parameters) as answer:
        return answer.status, answer.headers.get("X-ClickHouse-Exception-Code", ""), await answer.text()


async def test_requests_beyond_the_waiting_places_are_refused(small: "TestClient") -> None:
    """With one place and one to wait, a third query gets 503 with a clear text; an insert still runs."""
    await send(small, "CREATE OR REPLACE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n")
    queries = [asyncio.create_task(send(small, "SELECT sleep(2)")) for _ in range(3)]
    done, _ = await asyncio.wait(queries, return_when=asyncio.FIRST_COMPLETED)
    assert (await send(small, "INSERT INTO t VALUES (1)"))[0] == 200
    (refused,) = [task.result() for task in done]
    assert refused[:2] == (503, "202")
    assert "Too many simultaneous queries: 1 queries run" in refused[2]
    assert sorted(answer[0] for answer in await asyncio.gather(*queries)) == [200, 200, 503]


async def test_body_limit(small: "TestClient") -> None:
    """A longer body is a 413 that names the limit, compressed or not."""
    status, code, text = await send(small, "INSERT INTO t FORMAT CSV\n" + "1\n" * 2_000)
    assert (status, code) == (413, "229")
    assert "exceeds 2000 bytes" in text
    packed = gzip.compress(b"INSERT INTO t FORMAT CSV\n" + b"1\n" * 2_000)
    async with small.post("/", data=packed, headers={"Content-Encoding": "gzip"}) as answer:
        assert answer.status == 413


async def test_statement_limit(small: "TestClient") -> None:
    """A longer SQL text is a 413."""
    assert (await send(small, "SELECT 1" + " + 1" * 300))[:2] == (413, "229")


async def test_buffered_result_limit(small: "TestClient") -> None:
    """A larger result in a format that cannot be streamed is the engine's error; a streamed one passes."""
    sql = "SELECT * FROM numbers(100000)"
    assert (await send(small, sql, default_format="JSON"))[1] == "396"
    assert (await send(small, sql, default_format="CSV"))[0] == 200


async def test_idle_sessions_make_room(small: "TestClient", clock: FakeClock) -> None:
    """Beyond the limit the session that has been idle longest is closed."""
    for name in ("a", "b", "c"):
        clock.now_s += 1
        assert (await send(small, "SELECT 1", session_id=name))[0] == 200
    assert (await send(small, "SELECT 1", session_id="a", session_check="1"))[1] == "372"
    assert (await send(small, "SELECT 1", session_id="c", session_check="1"))[0] == 200


async def test_sessions_expire(small: "TestClient", clock: FakeClock) -> None:
    """A session is gone after its timeout."""
    await send(small, "SELECT 1", session_id="a", session_timeout="10")
    clock.now_s = 9
    assert (await send(small, "SELECT 1", session_id="a", session_timeout="10", session_check="1"))[0] == 200
    clock.now_s = 20
    assert (await send(small, "SELECT 1", session_id="a", session_check="1"))[1] == "372"


@pytest.mark.parametrize(("timeout", "code"), [("3601", "374"), ("-1", "36"), ("soon", "36")])
async def test_session_timeout_is_checked(small: "TestClient", timeout: str, code: str) -> None:
    """A session timeout beyond an hour, or one that is no number, is refused."""
    assert (await send(small, "SELECT 1", session_id="x", session_timeout=timeout))[1] == code


async def test_a_freed_place_goes_to_who_waits() -> None:
    """A waiting request runs as soon as the place is free."""
    admission = Admission(LIMITS)
    order = []

    async def use(name: str) -> None:
        async with admission.place(writes=True):
            order.append(name)
            await asyncio.sleep(0)

    await asyncio.gather(use("first"), use("second"))
    assert order == ["first", "second"]


def test_decompression_stops_at_the_limit() -> None:
    """A small body that would unpack to a gigabyte is refused without unpacking it."""
    bomb = gzip.compress(bytes(100 << 20))
    with pytest.raises(ClickHouseError, match="exceeds 1000 bytes"):
        decompress(bomb, "gzip", 1_000)
