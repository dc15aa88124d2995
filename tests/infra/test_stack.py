"""Kafka and ClickHouse together: the note that they leave, and the order in which they end."""

import json
import os
import signal
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import clickhouse_connect
import psutil
import pytest
from confluent_kafka.admin import AdminClient

from infra.embedded.process import ChildProcess, EmbeddedServerError
from infra.embedded.stack import EmbeddedStack, Endpoints, running_endpoints
from tests.infra.waiting import wait_for

DEADLINE_S = 60.0


def new_stack(folder: Path, cache: Path) -> EmbeddedStack:
    return EmbeddedStack(folder, cache_dir=cache, kafka_port=0, clickhouse_port=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the stack that tests share."""
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="module")
def shared(folder: Path, jar_cache: Path) -> Iterator[EmbeddedStack]:
    """A stack for the tests that do not end it."""
    with new_stack(folder, jar_cache) as running:
        yield running


def topics(endpoints: Endpoints) -> set[str]:
    return set(AdminClient({"bootstrap.servers": endpoints.kafka}).list_topics(timeout=DEADLINE_S).topics)


def ask(endpoints: Endpoints, query: str) -> object:
    """Return the first value of a query's answer."""
    client = clickhouse_connect.get_client(dsn=endpoints.clickhouse, username=endpoints.user, password=endpoints.password)
    try:
        return client.query(query).first_row[0]
    finally:
        client.close()


@pytest.mark.usefixtures("shared")
def test_the_note_leads_to_both(folder: Path) -> None:
    """With what another terminal finds in the folder alone, Kafka and ClickHouse answer."""
    endpoints = running_endpoints(folder)
    assert endpoints is not None
    assert topics(endpoints) == set()
    assert ask(endpoints, "SELECT 41 + 1") == 42


def test_the_note_is_that_of_the_stack(shared: EmbeddedStack, folder: Path) -> None:
    """What is read is what the stack says of itself."""
    assert running_endpoints(folder) == shared.endpoints


@pytest.mark.usefixtures("shared")
def test_only_their_owner_reads_the_secrets(folder: Path) -> None:
    """The note and the password have mode 0600."""
    for name in ("endpoints.json", "clickhouse-password"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_a_second_stack_is_refused_and_changes_nothing(shared: EmbeddedStack, folder: Path, jar_cache: Path) -> None:
    """The error names the process and the folder; the first goes on and keeps its note."""
    with pytest.raises(EmbeddedServerError, match=rf"process {os.getpid()} runs Kafka and ClickHouse on .*HIGHLIGHTS_DATA_DIR"):
        new_stack(folder, jar_cache).start()
    assert shared.kafka.alive
    assert shared.clickhouse.alive
    assert running_endpoints(folder) == shared.endpoints


def test_starting_twice_is_refused_and_changes_nothing(shared: EmbeddedStack, folder: Path) -> None:
    """start() on what runs says so, and leaves it running."""
    with pytest.raises(EmbeddedServerError, match="already"):
        shared.start()
    assert shared.kafka.alive
    assert running_endpoints(folder) == shared.endpoints


def test_nothing_is_found_in_an_empty_folder(tmp_path: Path) -> None:
    """No note, no servers."""
    assert running_endpoints(tmp_path) is None


def test_a_note_without_its_writer_is_not_believed(tmp_path: Path) -> None:
    """A note stays after a power cut, and its process number is another program's now: it leads nowhere."""
    note = {"kafka": "127.0.0.1:1", "clickhouse": "http://127.0.0.1:2", "user": "u", "password": "p", "pid": os.getpid()}
    (tmp_path / "endpoints.json").write_text(json.dumps(note))
    assert running_endpoints(tmp_path) is None


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A file is where the folder should be: the error names it and the setting."""
    (tmp_path / "data").touch()
    with pytest.raises(EmbeddedServerError, match=r"/data'\): set HIGHLIGHTS_DATA_DIR"):
        new_stack(tmp_path / "data", tmp_path)


def test_stop_takes_the_note_away_and_ends_both(tmp_path: Path, jar_cache: Path) -> None:
    """After stop() nothing is found, and neither process is left."""
    with new_stack(tmp_path, jar_cache) as stack:
        processes = [psutil.Process(pid) for pid in (stack.kafka.pid, stack.clickhouse.pid)]
    assert not (tmp_path / "endpoints.json").exists()
    assert running_endpoints(tmp_path) is None
    assert not any(process.is_running() for process in processes)


def test_neither_stays_when_one_fails(tmp_path: Path, jar_cache: Path) -> None:
    """ClickHouse's port is taken: Kafka, which was up already, is stopped, and there is no note."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        stack = EmbeddedStack(tmp_path, cache_dir=jar_cache, kafka_port=0, clickhouse_port=taken.getsockname()[1])
        with pytest.raises(EmbeddedServerError, match=r"is taken.*--clickhouse-port"):
            stack.start()
    assert not stack.kafka.alive
    assert not stack.clickhouse.alive
    assert not (tmp_path / "endpoints.json").exists()


PARENT = """
import signal, sys, time, urllib.request
from pathlib import Path
from confluent_kafka.admin import AdminClient, NewTopic
from infra.embedded.stack import EmbeddedStack

def work(endpoints):
    admin = AdminClient({"bootstrap.servers": endpoints.kafka})
    for created in admin.create_topics([NewTopic("late", 1, 1)]).values():
        created.result(60)
    query = b"CREATE TABLE default.late ENGINE = MergeTree ORDER BY x AS SELECT 42 AS x"
    login = {"X-ClickHouse-User": endpoints.user, "X-ClickHouse-Key": endpoints.password}
    urllib.request.urlopen(urllib.request.Request(endpoints.clickhouse, query, login), timeout=60).read()

signal.signal(signal.SIGINT, signal.default_int_handler)
with EmbeddedStack(Path(sys.argv[1]), cache_dir=Path(sys.argv[2]), kafka_port=0, clickhouse_port=0) as stack:
    print(stack.kafka.pid, stack.clickhouse.pid, flush=True)
    try:
        time.sleep(300)
    except KeyboardInterrupt:
        work(stack.endpoints)
"""


@pytest.fixture
def parent(tmp_path: Path, jar_cache: Path) -> Iterator[ChildProcess]:
    """A process that runs a stack in `tmp_path`/data; once interrupted it works with both, and then stops them."""
    command = [sys.executable, "-c", PARENT, str(tmp_path / "data"), str(jar_cache)]
    process = ChildProcess("parent", command, tmp_path / "output")
    process.start()
    try:
        process.wait_until_ready(lambda: running_endpoints(tmp_path / "data") is not None, DEADLINE_S)
        assert wait_for(lambda: len(process.last_log_lines()) == 1)
        yield process
    finally:
        process.kill()


def test_both_outlast_ctrl_c_until_the_work_is_done(parent: ChildProcess, tmp_path: Path, jar_cache: Path) -> None:
    """Ctrl-C goes to the whole foreground group: its owner can still write to both, and the next start finds that."""
    os.killpg(parent.pid, signal.SIGINT)
    assert wait_for(lambda: not parent.alive)
    assert len(parent.last_log_lines()) == 1  # no traceback
    assert running_endpoints(tmp_path / "data") is None
    with new_stack(tmp_path / "data", jar_cache) as stack:
        assert topics(stack.endpoints) == {"late"}
        assert ask(stack.endpoints, "SELECT x FROM default.late") == 42


@pytest.mark.skipif(sys.platform != "linux", reason="the tie to the parent is Linux's PR_SET_PDEATHSIG")
def test_both_end_with_their_killed_owner_and_the_next_takes_over(parent: ChildProcess, tmp_path: Path, jar_cache: Path) -> None:
    """SIGKILL of the owner ends both; the note that it leaves leads nowhere, and is in nobody's way."""
    servers = [psutil.Process(int(pid)) for pid in parent.last_log_lines()[0].split()]
    os.kill(parent.pid, signal.SIGKILL)
    assert wait_for(lambda: not parent.alive)
    assert (tmp_path / "data" / "endpoints.json").exists()
    assert running_endpoints(tmp_path / "data") is None
    with new_stack(tmp_path / "data", jar_cache) as stack:
        assert not any(server.is_running() and server.status() != psutil.STATUS_ZOMBIE for server in servers)
        assert running_endpoints(tmp_path / "data") == stack.endpoints
