"""The chDB engine of one folder, and what one connection to it can do. Everything here blocks."""

import fcntl
import json
import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import chdb

from infra.embedded.clickhouse_server.errors import from_engine, syntax_error

_APPEND_BYTES = 4 << 20
_DATA_FOLDER = "engine"
_LOCK_FILE = "owner.lock"


class DataFolderInUseError(RuntimeError):
    """Another process owns the data folder."""


@dataclass(frozen=True)
class Progress:
    """What a statement read, wrote and answered; goes into X-ClickHouse-Summary."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_s: float = 0.0

    def summary(self) -> str:
        """The header's JSON: numbers as text, time in nanoseconds, as ClickHouse writes it."""
        counts = {
            "read_rows": self.read_rows,
            "read_bytes": self.read_bytes,
            "written_rows": self.written_rows,
            "written_bytes": self.written_bytes,
            "total_rows_to_read": 0,
            "result_rows": self.result_rows,
            "result_bytes": self.result_bytes,
            "elapsed_ns": round(self.elapsed_s * 1e9),
        }
        return json.dumps({name: str(value) for name, value in counts.items()}, separators=(",", ":"))


def quote(value: str) -> str:
    """`value` as a string literal of ClickHouse's SQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quote_name(name: str) -> str:
    """`name` as a quoted identifier of ClickHouse's SQL."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


class Connection:
    """One connection: its own settings, database and temporary tables. Not for two threads at once.

    Every method raises ClickHouseError with the engine's own code and text.
    """

    def __init__(self, path: Path) -> None:
        self._connection: Any = chdb.connect(str(path))

    def close(self) -> None:
        """Give the connection back to the engine."""
        self._connection.close()

    def use(self, database: str) -> None:
        """Make `database` the current one."""
        self._command(f"USE {quote_name(database)}")

    def set(self, settings: Mapping[str, str]) -> None:
        """Apply settings to whatever this connection runs next."""
        if settings:
            self._command("SET " + ", ".join(f"{name} = {quote(value)}" for name, value in settings.items()))

    def reset(self, settings: Mapping[str, str]) -> None:
        """Bring settings back to their defaults."""
        if settings:
            self._command("SET " + ", ".join(f"{name} = DEFAULT" for name in settings))

    def reads_only(self, sql: bytes) -> bool:
        """Whether the statement leaves no trace (SELECT, SHOW, ...), as the engine's parser sees it.

        Raises:
            ClickHouseError: SYNTAX_ERROR for more than one statement.
        """
        # The public wrapper has no such method yet; chdb's own `durable` package reaches for it in the same
        # way.
        report = self._connection._conn.classify_query(sql)
        count = report["statement_count"]
        if count > 1 or (count == 0 and b";" in sql.rstrip(b"; \r\n\t")):
            raise syntax_error("Multi-statements are not allowed: send one statement per request")
        return bool(report["query_class"].name == "READ_ONLY")

    def query(self, sql: bytes | str, output_format: str, parameters: Mapping[str, str]) -> tuple[bytes, Progress]:
        """Run a statement and hold its whole result."""
        try:
            result = self._connection.query(sql, output_format, params=dict(parameters))
        except (RuntimeError, chdb.ChdbError) as error:
            raise from_engine(error) from error
        body: bytes = result.bytes()
        progress = Progress(
            read_rows=result.storage_rows_read(),
            read_bytes=result.storage_bytes_read(),
            written_rows=result.rows_written(),
            written_bytes=result.bytes_written(),
            result_rows=result.rows_read(),
            result_bytes=len(body),
            elapsed_s=result.elapsed(),
        )
        return body, progress

    def stream(self, sql: bytes, output_format: str, parameters: Mapping[str, str]) -> Generator[bytes, None, None]:
        """Run a SELECT and yield its blocks as they come; closing the iterator cancels the query."""
        try:
            blocks = self._connection.send_query(sql, output_format, params=dict(parameters))
            try:
                for block in blocks:
                    yield block.bytes()
            finally:
                blocks.close()
        except (RuntimeError, chdb.ChdbError) as error:
            raise from_engine(error) from error

    def insert(self, sql: bytes, input_format: str, data: bytes, parameters: Mapping[str, str]) -> Progress:
        """Run an INSERT whose `data` are written in `input_format`."""
        # `send_insert` takes no parameters of its own: SET param_x is how the engine's SQL binds them to a
        # connection.
        self.set({f"param_{name}": value for name, value in parameters.items()})
        view = memoryview(data)
        try:
            with self._connection.send_insert(sql, input_format) as inserter:
                for start in range(0, len(view), _APPEND_BYTES):
                    inserter.append(view[start : start + _APPEND_BYTES])
                written = inserter.finish()
        except (RuntimeError, chdb.ChdbError) as error:
            raise from_engine(error) from error
        return Progress(written_rows=written.rows_written, written_bytes=written.bytes_written, elapsed_s=written.elapsed)

    def _command(self, sql: str) -> None:
        self.query(sql, "TabSeparated", {})


class Engine:
    """The engine of one folder; holds it exclusively from construction to `close`.

    Raises:
        DataFolderInUseError: another process holds the folder.
    """

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(data_dir)
        self._path = data_dir / _DATA_FOLDER
        # The engine lives as long as one connection to it does.
        self._anchor = self.connect()
        described, _ = self._anchor.query("SELECT version(), timezone()", "TabSeparated", {})
        self.version, self.timezone = described.decode().strip().split("\t")

    def connect(self) -> Connection:
        """A new connection (0.2 ms)."""
        return Connection(self._path)

    def kill_queries(self) -> None:
        """Ask everything that is running to stop, and wait until it has."""
        self._anchor.query("KILL QUERY WHERE query NOT LIKE 'KILL QUERY%' SYNC", "TabSeparated", {})

    def let_merge(self, wanted: bool) -> None:
        """Hold background merges, or let them go on."""
        self._anchor.query("SYSTEM START MERGES" if wanted else "SYSTEM STOP MERGES", "TabSeparated", {})

    def close(self) -> None:
        """Close the engine and let others have the folder."""
        self._anchor.close()
        self._lock.close()


def _lock(data_dir: Path) -> IO[str]:
    path = data_dir / _LOCK_FILE
    handle = path.open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        handle.seek(0)
        owner = handle.read().strip() or "unknown"
        handle.close()
        raise DataFolderInUseError(
            f"data_dir {data_dir} is in use by another embedded ClickHouse (process {owner}): "
            "stop that one, connect to it over HTTP, or choose another folder"
        ) from error
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle
