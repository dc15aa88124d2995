"""The life of the embedded ClickHouse: start, stop, kill, start again, two processes at once."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import clickhouse_connect
import psutil
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from infra.embedded.clickhouse import EmbeddedClickHouse
from infra.embedded.process import EmbeddedServerError
from streams import clickhouse
from streams.settings import ClickHouseSettings

PASSWORD = "not-to-be-seen-anywhere"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedClickHouse]:
    with EmbeddedClickHouse(tmp_path / "clickhouse", password=PASSWORD) as running:
        yield running


def connect(server: EmbeddedClickHouse) -> Client:
    return clickhouse_connect.get_client(host="127.0.0.1", port=server.port, username=server.user, password=PASSWORD)


def create(client: Client) -> None:
    client.command("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")


def count(client: Client) -> int:
    return int(client.query("SELECT count() FROM t").first_row[0])


def test_stop_and_start_keep_port_and_data(server: EmbeddedClickHouse) -> None:
    """The same object starts again on the same port, with the data that it had."""
    client = connect(server)
    create(client)
    client.insert("t", [[1], [2]], column_names=["n"])
    url = server.url
    server.stop()
    server.start()
    assert server.url == url
    assert count(connect(server)) == 2


def test_acknowledged_inserts_survive_a_kill(server: EmbeddedClickHouse) -> None:
    """Every insert that was answered before a SIGKILL is there afterwards; the one in flight is there whole or not."""
    client = connect(server)
    create(client)
    rows, acknowledged, killed = 1000, 0, threading.Thread(target=server.kill)
    with pytest.raises(Exception, match=r"."):  # noqa: PT012 - the kill comes in the middle of some insert
        while True:
            client.insert("t", [list(range(rows))], column_names=["n"], column_oriented=True)
            acknowledged += rows
            if acknowledged == 20 * rows:
                killed.start()
    killed.join()
    server.start()
    assert count(connect(server)) in (acknowledged, acknowledged + rows)


def test_tables_and_views_survive_a_kill(server: EmbeddedClickHouse) -> None:
    """DDL that was answered is there after a SIGKILL."""
    client = connect(server)
    client.command("CREATE DATABASE other")
    create(client)
    client.command("CREATE VIEW v AS SELECT n + 1 AS m FROM t")
    client.insert("t", [[1]], column_names=["n"])
    server.kill()
    server.start()
    client = connect(server)
    assert client.query("SELECT m FROM v").first_row == (2,)
    assert client.query("EXISTS DATABASE other").first_row == (1,)


def test_stop_waits_for_a_running_query(server: EmbeddedClickHouse) -> None:
    """A query that runs when SIGTERM comes is answered before the server ends."""
    client, other = connect(server), connect(server)
    answers: list[object] = []
    slow = threading.Thread(target=lambda: answers.append(client.query("SELECT sleep(2), 'slow'").first_row))
    slow.start()
    deadline = time.monotonic() + 10
    while other.query("SELECT count() FROM system.processes WHERE query LIKE '%sleep%'").first_row == (1,):
        assert time.monotonic() < deadline
    server.stop()
    slow.join()
    assert answers == [(0, "slow")]


def test_second_server_on_the_folder_is_refused(server: EmbeddedClickHouse, tmp_path: Path) -> None:
    """A second server on the same folder fails at once, naming the folder and the process that has it."""
    second = EmbeddedClickHouse(tmp_path / "clickhouse", password=PASSWORD)
    with pytest.raises(EmbeddedServerError, match="is in use by another embedded ClickHouse") as refused:
        second.start()
    assert str(server.pid) in str(refused.value)
    assert connect(server).query("SELECT 1").first_row == (1,)


def test_starting_twice_is_refused(server: EmbeddedClickHouse) -> None:
    """start() on a running server says so."""
    with pytest.raises(EmbeddedServerError, match="is running already"):
        server.start()


def test_a_port_with_another_clickhouse_is_refused(server: EmbeddedClickHouse, tmp_path: Path) -> None:
    """A ClickHouse that answers at the port already is not taken for the one that is to be started."""
    second = EmbeddedClickHouse(tmp_path / "second", port=server.port, password=PASSWORD)
    with pytest.raises(EmbeddedServerError, match=f"port {server.port} is taken.*--clickhouse-port"):
        second.start()
    assert connect(server).query("SELECT 1").first_row == (1,)


def test_a_proxy_of_the_environment_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Server and client find each other where `http_proxy` names one that does not answer."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with EmbeddedClickHouse(tmp_path / "clickhouse", password=PASSWORD) as server:
        settings = ClickHouseSettings(url=server.url, user=server.user, password=PASSWORD, database="default")
        with clickhouse.connect(settings) as client:
            assert client.query("SELECT 1").first_row == (1,)


def test_empty_password_is_refused(tmp_path: Path) -> None:
    """An empty password is a ValueError before anything starts."""
    with pytest.raises(ValueError, match="password of the embedded ClickHouse is empty"):
        EmbeddedClickHouse(tmp_path, password="")


def test_password_is_in_no_command_line_and_no_log(server: EmbeddedClickHouse, tmp_path: Path) -> None:
    """Neither the process list nor the log shows the password, not even after a wrong login or a password in a URL."""
    with pytest.raises(DatabaseError):
        clickhouse_connect.get_client(host="127.0.0.1", port=server.port, username=PASSWORD, password="x")
    assert PASSWORD not in " ".join(psutil.Process(server.pid).cmdline())
    server.stop()
    logs = "".join(path.read_text() for path in (tmp_path / "clickhouse").glob("*.log"))
    assert logs
    assert PASSWORD not in logs


def test_it_listens_on_loopback_only(server: EmbeddedClickHouse) -> None:
    """The server's only listening socket is 127.0.0.1 at its port."""
    listening = [connection.laddr for connection in psutil.Process(server.pid).net_connections() if connection.status == "LISTEN"]
    assert [(address.ip, address.port) for address in listening] == [("127.0.0.1", server.port)]


WRITER = """
import sys, clickhouse_connect
client = clickhouse_connect.get_client(host="127.0.0.1", port=int(sys.argv[1]), username="highlights",
                                       password=sys.stdin.read())
for start in range(0, 20_000, 1_000):
    client.insert("t", [list(range(start, start + 1_000))], column_names=["n"], column_oriented=True)
"""


def test_two_processes_write_while_this_one_reads(server: EmbeddedClickHouse) -> None:
    """Inserts of two processes all arrive, and each read between them sees whole inserts only."""
    client = connect(server)
    create(client)
    command = [sys.executable, "-c", WRITER, str(server.port)]
    writers = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in range(2)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(PASSWORD)
        writer.stdin.close()
    seen = []
    while any(writer.poll() is None for writer in writers):
        seen.append(count(client))
    assert [writer.returncode for writer in writers] == [0, 0]
    assert all(number % 1_000 == 0 for number in seen)
    assert seen == sorted(seen)
    assert count(client) == 40_000


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where chdb is not installed, the error says which extra has it, and what to set instead."""
    monkeypatch.setitem(sys.modules, "chdb", None)
    with pytest.raises(EmbeddedServerError, match=r"highlights\[embedded\].*HIGHLIGHTS_CLICKHOUSE__URL"):
        EmbeddedClickHouse(tmp_path, password="secret").start()
