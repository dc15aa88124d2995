"""Kafka and ClickHouse together, and the note that tells other terminals where they listen."""

import fcntl
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import IO, Final, Self

from infra.embedded.clickhouse import EmbeddedClickHouse
from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.process import EmbeddedServerError

KAFKA_PORT: Final = 19092
CLICKHOUSE_PORT: Final = 18123
_USER: Final = "highlights"
_NOTE: Final = "endpoints.json"


@dataclass(frozen=True)
class Endpoints:
    """Where the embedded servers listen, how to get in, and the process that runs them."""

    kafka: str
    clickhouse: str
    user: str
    password: str = field(repr=False)
    pid: int


class EmbeddedStack:
    """Kafka and ClickHouse over one folder; use it as a context manager."""

    def __init__(
        self,
        data_dir: Path,
        *,
        cache_dir: Path,
        kafka_port: int = KAFKA_PORT,
        clickhouse_port: int = CLICKHOUSE_PORT,
        disk_reserve_bytes: int | None = None,
    ) -> None:
        """Describe the servers.

        Args:
            data_dir: their data, the note and the password lie in it.
            cache_dir: where Kafka's jars are kept.
            kafka_port, clickhouse_port: on loopback; 0 takes a free one.
            disk_reserve_bytes: see `EmbeddedClickHouse`.

        Raises:
            EmbeddedServerError: the folder cannot be used.
        """
        self._data_dir = data_dir
        self._note: IO[str] | None = None
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            password = _kept_password(data_dir / "clickhouse-password")
        except OSError as error:
            message = f"the folder of the embedded servers cannot be used ({error}): set HIGHLIGHTS_DATA_DIR to one of your own"
            raise EmbeddedServerError(message) from error
        self._password = password
        self.kafka = EmbeddedKafka(data_dir / "kafka", port=kafka_port, cache_dir=cache_dir)
        self.clickhouse = EmbeddedClickHouse(
            data_dir / "clickhouse",
            port=clickhouse_port,
            user=_USER,
            password=password,
            disk_reserve_bytes=disk_reserve_bytes,
        )

    @property
    def endpoints(self) -> Endpoints:
        """Where the servers listen."""
        return Endpoints(self.kafka.bootstrap_servers, self.clickhouse.url, _USER, self._password, os.getpid())

    def start(self) -> None:
        """Start both and leave the note; neither stays when one fails.

        Raises:
            EmbeddedServerError: they run already, here or in another process, or one of them does not come up.
        """
        # Before anything is touched: what a failure of ours would clear away is theirs.
        if running := running_endpoints(self._data_dir):
            message = (
                f"process {running.pid} runs Kafka and ClickHouse on {self._data_dir} already: use them, stop them, "
                "or set HIGHLIGHTS_DATA_DIR to another folder"
            )
            raise EmbeddedServerError(message)
        try:
            self.kafka.start()
            self.clickhouse.start()
            self._note = _write_private(self._data_dir / _NOTE, json.dumps(asdict(self.endpoints)))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Take the note away and stop both, Kafka first; nothing happens where they do not run."""
        if self._note is not None:
            (self._data_dir / _NOTE).unlink(missing_ok=True)
            self._note.close()
            self._note = None
        try:
            self.kafka.stop()
        finally:
            self.clickhouse.stop()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Stop."""
        self.stop()


def running_endpoints(data_dir: Path) -> Endpoints | None:
    """Return where the servers over a folder listen, None when none run.

    Raises:
        EmbeddedServerError: the note of whoever runs them cannot be read.
    """
    path = data_dir / _NOTE
    try:
        with path.open() as note:
            return Endpoints(**json.load(note)) if _is_held(note) else None
    except FileNotFoundError:
        return None
    except OSError as error:
        message = (
            f"{path} cannot be read ({error.strerror}): it tells the user who runs the embedded servers where they are. Be that "
            "user, or set HIGHLIGHTS_DATA_DIR to a folder of your own"
        )
        raise EmbeddedServerError(message) from error


def _is_held(note: IO[str]) -> bool:
    """Return whether the process that wrote a note lives: the kernel lets its lock go with it, however it ends."""
    try:
        fcntl.flock(note, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _kept_password(path: Path) -> str:
    if not path.exists():
        _write_private(path, secrets.token_urlsafe(24)).close()
    return path.read_text()


def _write_private(path: Path, text: str) -> IO[str]:
    """Write a file that its owner alone can read, all of it or nothing. It is locked until the handle is closed."""
    draft = NamedTemporaryFile("w", dir=path.parent, prefix=f"{path.name}.", delete=False)  # noqa: SIM115 - the caller closes it
    fcntl.flock(draft, fcntl.LOCK_EX)
    draft.write(text)
    draft.flush()
    Path(draft.name).replace(path)
    return draft
