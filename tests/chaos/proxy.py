"""A proxy in front of ClickHouse that spoils drawn inserts: refused, answered by errors, slow, or executed and not answered."""

import http.client
import time
from collections import deque
from contextlib import suppress
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

_SLOW_S = 1.5
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


class Spoil(StrEnum):
    """What happens to an insert."""

    REFUSE = "connection closed before the insert"
    ERROR = "error 500 instead of the insert"
    SLOW = "insert answered late"
    NO_ANSWER = "insert executed, answer lost"
    ERROR_AFTER = "insert executed, error 500 answered"
    HALF_ANSWER = "insert executed, answer cut short"


class SpoilingProxy:
    """Serves on a port of its own; `spoils` are applied to the inserts to come, one each."""

    def __init__(self, upstream: str) -> None:
        """Start serving."""
        self.spoils: deque[Spoil] = deque()
        self._spoilt: list[Spoil] = []
        address = urlsplit(upstream)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, address.hostname or "", address.port or 0))
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def next_spoil(self) -> Spoil | None:
        """Take the next spoil, if there is any."""
        try:
            spoil = self.spoils.popleft()
        except IndexError:
            return None
        self._spoilt.append(spoil)
        return spoil

    def take_spoilt(self) -> list[Spoil]:
        """Return what was done since the last call; what was not is given up."""
        self.spoils.clear()
        spoilt, self._spoilt = self._spoilt, []
        return spoilt

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def _handler(proxy: SpoilingProxy, host: str, port: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._forward(b"")

        def do_POST(self) -> None:
            body = self._body()
            spoil = proxy.next_spoil() if _is_insert(self.path, body) else None
            if spoil is Spoil.REFUSE:
                self.close_connection = True
            elif spoil is Spoil.ERROR:
                self._fail()
            else:
                self._spoil(spoil, body)

        def _spoil(self, spoil: Spoil | None, body: bytes) -> None:
            if spoil is Spoil.SLOW:
                time.sleep(_SLOW_S)
            if spoil is Spoil.NO_ANSWER:
                self._ask(body)
                self.close_connection = True
            elif spoil is Spoil.ERROR_AFTER:
                if self._ask(body):
                    self._fail()
            else:
                self._forward(body, cut=spoil is Spoil.HALF_ANSWER)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                return b"".join(iter(self._chunk, b""))
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _chunk(self) -> bytes:
            content = self.rfile.read(int(self.rfile.readline().split(b";")[0], 16))
            self.rfile.readline()
            return content

        def _fail(self) -> None:
            self._answer(500, [("X-ClickHouse-Exception-Code", "241")], b"Code: 241. DB::Exception: Memory limit exceeded: chaos")

        def _forward(self, body: bytes, *, cut: bool = False) -> None:
            answer = self._ask(body)
            if answer is None:
                return
            if cut:
                self.close_connection = True
            self._answer(*answer, missing=bytes(8) if cut else b"")

        def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes] | None:
            try:
                return _ask(host, port, self, body)
            except OSError:  # the server behind is down: so is the proxy
                self.close_connection = True
                return None

        def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, missing: bytes = b"") -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content) + len(missing)))
            with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked was killed
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    return Handler


def _is_insert(path: str, body: bytes) -> bool:
    query = parse_qs(urlsplit(path).query).get("query", [""])[0].encode() or body[:64]
    return query.lstrip()[:6].upper() == b"INSERT"


def _ask(host: str, port: int, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=60)
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
    try:
        connection.request(request.command, request.path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()
    kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP]
    return answer.status, kept, content
