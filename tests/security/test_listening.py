"""What runs here by default shows itself to nobody else: sockets, files and titles of processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

from infra.embedded.ports import free_port
from tests.integration.running import eventually

_FAUST_WEB_PORT = 6066


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder."""
    return tmp_path_factory.mktemp("here")


@pytest.fixture(scope="module")
def processes(folder: Path) -> Iterator[list[psutil.Process]]:
    """`highlights up` with its servers, and a worker with metrics, all ready."""
    env = os.environ | {"HIGHLIGHTS_DATA_DIR": str(folder / "data"), "HIGHLIGHTS_WORKER__METRICS_PORT": str(free_port())}
    log, started = folder / "log", list[subprocess.Popen[bytes]]()

    def start(*arguments: str, ready: str) -> None:
        with log.open("ab") as output:
            command = [sys.executable, "-m", "streams.cli", *arguments]
            process = subprocess.Popen(command, env=env, stdout=output, stderr=output)
        started.append(process)
        eventually(lambda: ready in log.read_text() or process.poll() is not None, lambda: f"{ready}: {log.read_text()}")
        assert process.poll() is None, log.read_text()

    try:
        start("up", "--kafka-port", "0", "--clickhouse-port", "0", ready="other terminals")
        start("worker", ready="partitions ready")
        parents = [psutil.Process(process.pid) for process in started]
        yield [*parents, *(child for parent in parents for child in parent.children(recursive=True))]
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGINT)
            process.wait(60)


def test_all_sockets_that_listen_are_on_loopback(processes: list[psutil.Process]) -> None:
    """Kafka, its controller, ClickHouse and the metrics listen on loopback, and Faust's web server not at all."""
    listening = {
        connection.laddr
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert len(listening) >= 4
    assert [address for address in listening if not _is_loopback(address.ip)] == []
    assert _FAUST_WEB_PORT not in {address.port for address in listening}


def _is_loopback(text: str) -> bool:
    address = ip_address(text)
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def test_the_password_is_in_no_title_and_no_open_file(processes: list[psutil.Process], folder: Path) -> None:
    """The embedded ClickHouse's password stands in no command line and no log, and its files are their owner's alone."""
    password = (folder / "data" / "clickhouse-password").read_text()
    assert [process for process in processes if password in " ".join(process.cmdline())] == []
    logs = [folder / "log", *folder.rglob("*.log")]
    assert len(logs) >= 3
    assert [log for log in logs if password in log.read_text(errors="replace")] == []
    for name in ("clickhouse-password", "endpoints.json"):
        assert (folder / "data" / name).stat().st_mode & 0o077 == 0
