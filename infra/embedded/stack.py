"""Kafka and ClickHouse together, and the note that tells other terminals where they listen."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from infra.embedded.clickhouse import EmbeddedClickHouse
from infra.embedded.kafka import EmbeddedKafka

KAFKA_PORT: Final = 19092
CLICKHOUSE_PORT: Final = 18123
_USER: Final = "highlights"


@dataclass(frozen=True)
class Endpoints:
    """Where the embedded servers listen, and how to get in."""

    kafka: str
    clickhouse: str
    user: str
    password: str
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
    ) -> None:
        """Describe the servers.

        Args:
            data_dir: their data, the note and the password lie in it.
            cache_dir: where Kafka's jars are kept.
            kafka_port, clickhouse_port: on loopback; 0 takes a free one.
        """
        self._data_dir = data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        self._password = _kept_password(data_dir / "clickhouse-password")
        self.kafka = EmbeddedKafka(data_dir / "kafka", port=kafka_port, cache_dir=cache_dir)
        self.clickhouse = EmbeddedClickHouse(data_dir / "clickhouse", port=clickhouse_port, user=_USER, password=self._password)

    @property
    def endpoints(self) -> Endpoints:
        """Where the servers listen."""
        return Endpoints(self.kafka.bootstrap_servers, self.clickhouse.url, _USER, self._password, os.getpid())

    def start(self) -> None:
        """Start both and leave the note; neither stays when one fails."""
        try:
            self.kafka.start()
            self.clickhouse.start()
        except BaseException:
            self.stop()
            raise
        _write_private(self._note, json.dumps(asdict(self.endpoints)))

    def stop(self) -> None:
        """Take the note away and stop both."""
        self._note.unlink(missing_ok=True)
        self.kafka.stop()
        self.clickhouse.stop()

    @property
    def _note(self) -> Path:
        return self._data_dir / "endpoints.json"

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Stop."""
        self.stop()


def running_endpoints(data_dir: Path) -> Endpoints | None:
    """Return where the servers over a folder listen, None when none run."""
    note = data_dir / "endpoints.json"
    if not note.exists():
        return None
    endpoints = Endpoints(**json.loads(note.read_text()))
    return endpoints if _is_running(endpoints.pid) else None


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _kept_password(path: Path) -> str:
    if not path.exists():
        _write_private(path, secrets.token_urlsafe(24))
    return path.read_text()


def _write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read, all of it or nothing."""
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)
