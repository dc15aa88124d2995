"""Starts and stops the embedded ClickHouse (`infra.embedded.clickhouse_server`) as a child process."""

import os
import sys
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from infra.embedded.ports import free_port, wait_until_free
from infra.embedded.process import ChildProcess, EmbeddedServerError

_HOST = "127.0.0.1"
_READY_DEADLINE_S = 30.0
_PROBE_TIMEOUT_S = 1.0
# A little more than the server itself gives to running queries (ServerLimits.shutdown_s).
_STOP_GRACE_S = 35.0
# A proxy of the environment knows nothing of this machine's own ports.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_PASSWORD_VARIABLE = "HIGHLIGHTS_CLICKHOUSE_PASSWORD"


class EmbeddedClickHouse:
    """One embedded ClickHouse over a folder: use it as a context manager, and speak HTTP to `url`.

    Args:
        data_dir: Folder of the data and of the server's log; created where missing, kept on stop.
        port: TCP port on loopback; 0 takes a free one at the first start, which stays the same over stop, kill and start.
        user: Name of the only user.
        password: Its password; given to the child through its environment. Must not be empty.
        disk_reserve_bytes: Inserts are refused while less is free on the disk; None for the server's default.

    Raises:
        ValueError: an empty `user` or `password`.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 0,
        user: str = "highlights",
        password: str,
        disk_reserve_bytes: int | None = None,
    ) -> None:
        for name, value in (("user", user), ("password", password)):
            if not value:
                raise ValueError(f"{name} of the embedded ClickHouse is empty: give it a value")
        self._data_dir = data_dir
        self._port = port
        self._user = user
        self._password = password
        self._disk_reserve_bytes = disk_reserve_bytes
        self._process: ChildProcess | None = None

    @property
    def url(self) -> str:
        """Address of the HTTP interface, such as "http://127.0.0.1:8123"; see `port`."""
        return f"http://{_HOST}:{self.port}"

    @property
    def port(self) -> int:
        """TCP port of the HTTP interface.

        Raises:
            EmbeddedServerError: it is not known before the first start.
        """
        if not self._port:
            raise EmbeddedServerError("the embedded clickhouse has no port yet: start() it first, or give it one")
        return self._port

    @property
    def user(self) -> str:
        """Name of the only user."""
        return self._user

    @property
    def alive(self) -> bool:
        """Whether the server runs."""
        return self._process is not None and self._process.alive

    @property
    def pid(self) -> int:
        """Process id of the running server.

        Raises:
            EmbeddedServerError: it is not running.
        """
        if self._process is None:
            raise EmbeddedServerError("the embedded clickhouse is not running: call start() first")
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            EmbeddedServerError: it is running already, another process has its port, its engine is not installed, or it
            did not come up: the message holds its last log lines then.
        """
        if self._process is not None and self._process.alive:
            raise EmbeddedServerError(f"clickhouse at {self.url} is running already: stop() it first")
        if find_spec("chdb") is None:
            message = (
                "the embedded clickhouse needs the extra `embedded`: pip install 'highlights[embedded]', or set "
                "HIGHLIGHTS_CLICKHOUSE__URL to a ClickHouse of your own"
            )
            raise EmbeddedServerError(message)
        self._data_dir.mkdir(parents=True, exist_ok=True)
        self._port = self._port or free_port()
        wait_until_free(self._port, "--clickhouse-port")
        process = ChildProcess("clickhouse", self._command(), self._data_dir / "server.log", self._environment())
        process.start()
        try:
            process.wait_until_ready(self._answers, _READY_DEADLINE_S)
        except BaseException:
            process.kill()
            raise
        self._process = process

    def stop(self) -> None:
        """Let running queries end, close the data and stop; nothing happens where it is not running."""
        if self._process is not None:
            self._process.stop(_STOP_GRACE_S)
            self._process = None

    def kill(self) -> None:
        """End the process at once (SIGKILL); nothing happens where it is not running."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def __enter__(self) -> "EmbeddedClickHouse":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _command(self) -> list[str]:
        module = "infra.embedded.clickhouse_server"
        where = ["--data-dir", str(self._data_dir), "--host", _HOST, "--port", str(self._port)]
        reserve = [] if self._disk_reserve_bytes is None else ["--disk-reserve-bytes", str(self._disk_reserve_bytes)]
        return [sys.executable, "-m", module, *where, "--user", self._user, *reserve]

    def _environment(self) -> dict[str, str]:
        # UTC, so that a DateTime without a zone means the same on every machine, as on a production server.
        return {**os.environ, "TZ": "UTC", _PASSWORD_VARIABLE: self._password}

    def _answers(self) -> bool:
        try:
            with _DIRECT.open(f"{self.url}/ping", timeout=_PROBE_TIMEOUT_S) as response:
                return bool(response.status == 200)
        except OSError:
            return False
