"""One statement from its connection to the last byte of its answer. Everything here blocks."""

from collections.abc import Generator

from infra.embedded.clickhouse_server.compression import Compressor, start_compressor
from infra.embedded.clickhouse_server.engine import Connection, Progress
from infra.embedded.clickhouse_server.limits import ServerLimits
from infra.embedded.clickhouse_server.native_blocks import with_flags
from infra.embedded.clickhouse_server.request import QueryRequest
from infra.embedded.clickhouse_server.sessions import Connections, Lease

# chDB writes each block as a whole file: of these formats, several files in a row are one file again.
_STREAMED_FORMATS = {"Native", "TabSeparated", "TSV", "CSV", "RowBinary", "JSONCompactEachRow"}
_STREAMED_VERBS = {"SELECT", "WITH"}
_PIECE_BYTES = 1 << 20


class Execution:
    """One statement while it runs: `begin`, then `read` until `ended`, and `close` in any case.

    `progress` is known after `begin` where nothing is streamed, and all zeros otherwise. Not for two threads
    at once.
    """

    def __init__(self, connections: Connections, query: QueryRequest, encoding: str | None, limits: ServerLimits) -> None:
        self._connections = connections
        self._query = query
        self._limits = limits
        self._compressor: Compressor | None = start_compressor(encoding) if encoding is not None else None
        self._lease: Lease | None = None
        self._blocks: Generator[bytes, None, None] | None = None
        self.progress = Progress()
        self.ended = False

    def begin(self) -> bytes:
        """Run the statement up to the first piece of its answer; a short answer ends here and is closed.

        Raises:
            ClickHouseError: what `Connections.lease` and the engine say, or SYNTAX_ERROR for more than one
                statement.
        """
        try:
            self._lease = self._connections.lease(self._query)
            self._blocks = self._run(self._lease.connection)
            first = self._read(self._limits.buffered_result_bytes if self._query.whole else _PIECE_BYTES)
        except BaseException:
            self.close(failed=True)
            raise
        if self.ended:
            self.close()
        return first

    def read(self) -> bytes:
        """The next piece, about 1 MiB; `ended` becomes true with the last one.

        Raises:
            ClickHouseError: the query failed on the way.
        """
        return self._read(_PIECE_BYTES)

    def end_with(self, text: bytes) -> bytes:
        """The last piece of an answer that breaks off, with `text` in it."""
        self.ended = True
        return text if self._compressor is None else self._compressor.compress(text) + self._compressor.flush()

    def close(self, failed: bool = False) -> None:
        """Cancel what still runs and give the connection back; nothing happens the second time."""
        lease, self._lease = self._lease, None
        if self._blocks is not None:
            self._blocks.close()
        if lease is not None:
            lease.release(failed)

    def _run(self, connection: Connection) -> Generator[bytes, None, None]:
        query, statement = self._query, self._query.statement
        if statement.data is not None:
            self.progress = connection.insert(statement.sql, query.format, statement.data, query.parameters)
            return
        reads_only = connection.reads_only(statement.sql)
        if reads_only and _is_streamable(query):
            yield from connection.stream(statement.sql, query.format, query.parameters)
            return
        if reads_only and "max_result_bytes" not in query.settings and "readonly" not in query.settings:
            connection.set({"max_result_bytes": str(self._limits.buffered_result_bytes)})
        body, self.progress = connection.query(statement.sql, query.format, query.parameters)
        yield body

    def _read(self, wanted_bytes: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while size < wanted_bytes and not self.ended:
            pieces.append(self._next_piece())
            size += len(pieces[-1])
        return b"".join(pieces)

    def _next_piece(self) -> bytes:
        block = next(self._blocks, None) if self._blocks is not None else None
        if block is None:
            self.ended = True
            return self._compressor.flush() if self._compressor is not None else b""
        if self._query.native_flags and self._query.format == "Native":
            block = with_flags(block)
        return self._compressor.compress(block) if self._compressor is not None else block


def _is_streamable(query: QueryRequest) -> bool:
    # chDB's stream leaves out what follows the rows.
    has_trailer = query.statement.has_trailer or "extremes" in query.settings
    return query.statement.verb in _STREAMED_VERBS and query.format in _STREAMED_FORMATS and not has_trailer
