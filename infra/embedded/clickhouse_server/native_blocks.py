"""The Native format as clients of newer protocol versions want it (clickhouse-go, and so Grafana's plugin).

chDB always writes protocol version 0. From version 54454 on a block begins with the block info (is it an
overflow, which bucket), and between a column's type and its data stands a flag: does the column use a custom
serialization. The flags go where the columns end, and only a reader of their types knows where that is:
clickhouse-connect's own.
"""

from collections.abc import Iterator

from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.ctypes import RespBuffCls
from clickhouse_connect.driver.exceptions import ClickHouseError as ClientError
from clickhouse_connect.driver.query import QueryContext
from clickhouse_connect.driver.types import ByteSource

from infra.embedded.clickhouse_server.errors import not_implemented

FLAGS_FROM_VERSION = 54454
# Field 1: no overflow; field 2: bucket -1 (none); then the end of the fields.
_BLOCK_INFO = bytes([1, 0, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0])
_DEFAULT_SERIALIZATION = b"\x00"


class _Source:
    """Gives the bytes one by one, so that `place` is always where the reader stands: it asks for no more than
    it uses.

    That costs about 0.1 us a byte, which results for a screen can afford.
    """

    def __init__(self, data: bytes) -> None:
        self.place = 0
        self.gen = self._bytes(data)

    def close(self) -> None:
        """The reader closes its source when it goes; there is nothing to close."""

    def _bytes(self, data: bytes) -> Iterator[bytes]:
        for self.place in range(1, len(data) + 1):
            yield data[self.place - 1 : self.place]


def with_flags(blocks: bytes) -> bytes:
    """Whole Native blocks of version 0, rewritten with block info and serialization flags.

    Raises:
        ClickHouseError: NOT_IMPLEMENTED for a type that clickhouse-connect cannot read.
    """
    source = _Source(blocks)
    reader: ByteSource = RespBuffCls(source)  # type: ignore[no-untyped-call]  # clickhouse-connect's has no types
    pieces: list[bytes] = []
    try:
        while source.place < len(blocks):
            pieces += _one_block(reader, source, blocks)
    except ClientError as error:
        raise not_implemented(
            f"Native with client_protocol_version >= {FLAGS_FROM_VERSION} is not supported for this result: {error}"
        ) from error
    return b"".join(pieces)


def _one_block(reader: ByteSource, source: _Source, blocks: bytes) -> Iterator[bytes]:
    yield _BLOCK_INFO
    start = source.place
    columns, rows = reader.read_leb128(), reader.read_leb128()
    yield blocks[start : source.place]
    for _ in range(columns):
        start = source.place
        reader.read_leb128_str()
        column_type = get_from_name(reader.read_leb128_str())
        yield blocks[start : source.place] + _DEFAULT_SERIALIZATION
        start = source.place
        if rows:
            column_type.read_column(reader, rows, QueryContext())
        yield blocks[start : source.place]
