"""HTTP content encodings, both ways: lz4 (frames), zstd, gzip, deflate and br."""

import gzip
import io
import zlib
from collections.abc import Callable
from typing import Protocol

import brotli
import lz4.frame
import zstandard

from infra.embedded.clickhouse_server.errors import ClickHouseError, too_large

_FAST_LEVEL = 1
_GZIP_WINDOW = 31


class Compressor(Protocol):
    """A running compression: pieces in, pieces out, then the rest."""

    def compress(self, data: bytes, /) -> bytes:
        """The next piece of output (often empty)."""

    def flush(self) -> bytes:
        """The end of the output."""


class _Lz4Compressor:
    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._head: bytes = self._frame.begin()

    def compress(self, data: bytes, /) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._frame.compress(data))

    def flush(self) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._frame.flush())


class _BrotliCompressor:
    def __init__(self) -> None:
        self._stream = brotli.Compressor(quality=_FAST_LEVEL)

    def compress(self, data: bytes, /) -> bytes:
        return bytes(self._stream.process(data))

    def flush(self) -> bytes:
        return bytes(self._stream.finish())


# In order of preference: the cheapest for both sides first.
_COMPRESSORS: dict[str, Callable[[], Compressor]] = {
    "lz4": _Lz4Compressor,
    "zstd": lambda: zstandard.ZstdCompressor(level=_FAST_LEVEL).compressobj(),
    "gzip": lambda: zlib.compressobj(_FAST_LEVEL, wbits=_GZIP_WINDOW),
    "deflate": lambda: zlib.compressobj(_FAST_LEVEL),
    "br": _BrotliCompressor,
}


def _read_deflate(data: bytes, size: int) -> bytes:
    return zlib.decompressobj().decompress(data, size)


def _read_brotli(data: bytes, size: int) -> bytes:
    return bytes(brotli.Decompressor().process(data, output_buffer_limit=size))


_READERS: dict[str, Callable[[bytes, int], bytes]] = {
    "lz4": lambda data, size: bytes(lz4.frame.LZ4FrameFile(io.BytesIO(data)).read(size)),
    "zstd": lambda data, size: zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read(size),
    "gzip": lambda data, size: gzip.GzipFile(fileobj=io.BytesIO(data)).read(size),
    "deflate": _read_deflate,
    "br": _read_brotli,
}


def decompress(data: bytes, encoding: str, limit_bytes: int) -> bytes:
    """Undo a request's Content-Encoding (`encoding`, "" for none), to at most `limit_bytes`.

    Raises:
        ClickHouseError: UNKNOWN_COMPRESSION_METHOD, CANNOT_DECOMPRESS, or QUERY_IS_TOO_LARGE beyond the
        limit.
    """
    if encoding in ("", "identity"):
        return data
    read = _READERS.get(encoding)
    if read is None:
        raise ClickHouseError(
            89,
            "UNKNOWN_COMPRESSION_METHOD",
            f"Unknown Content-Encoding {encoding!r}: use one of {', '.join(_READERS)}",
        )
    try:
        plain = read(data, limit_bytes + 1)
    except (OSError, EOFError, RuntimeError, zlib.error, zstandard.ZstdError, brotli.error) as error:
        raise ClickHouseError(271, "CANNOT_DECOMPRESS", f"The request's body is not {encoding}: {error}") from error
    if len(plain) > limit_bytes:
        raise too_large(f"The decompressed request exceeds {limit_bytes} bytes: send smaller inserts")
    return plain


def choose_encoding(accepted: str) -> str | None:
    """The best encoding that an Accept-Encoding header names, or None."""
    named = {part.split(";")[0].strip().lower() for part in accepted.split(",")}
    return next((encoding for encoding in _COMPRESSORS if encoding in named), None)


def start_compressor(encoding: str) -> Compressor:
    """A new compressor for an encoding that `choose_encoding` gave."""
    return _COMPRESSORS[encoding]()
