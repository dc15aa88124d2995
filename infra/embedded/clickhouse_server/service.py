"""The HTTP side: requests in, answers and errors out, as ClickHouse's HTTP interface gives them."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from typing import TypeVar

from aiohttp import ClientConnectionResetError, web

from infra.embedded.clickhouse_server.admission import Admission
from infra.embedded.clickhouse_server.authentication import Account
from infra.embedded.clickhouse_server.compression import choose_encoding, decompress
from infra.embedded.clickhouse_server.disk_reserve import DiskReserve
from infra.embedded.clickhouse_server.engine import Engine
from infra.embedded.clickhouse_server.errors import ClickHouseError, bad_argument, not_implemented, too_large
from infra.embedded.clickhouse_server.execution import Execution
from infra.embedded.clickhouse_server.limits import ServerLimits
from infra.embedded.clickhouse_server.request import QueryRequest, parse_request
from infra.embedded.clickhouse_server.sessions import Connections

log = logging.getLogger(__name__)

_DISPLAY_NAME = "highlights-embedded"
_EXCEPTION_TAG_BYTES = 8
_CONTENT_TYPES = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "Arrow": "application/octet-stream",
    "ArrowStream": "application/octet-stream",
}
_Result = TypeVar("_Result")


class Service:
    """Handlers over one engine; `threads` must have a thread for every place of `limits`."""

    def __init__(
        self,
        engine: Engine,
        connections: Connections,
        account: Account,
        limits: ServerLimits,
        reserve: DiskReserve,
        threads: ThreadPoolExecutor,
    ) -> None:
        self._engine = engine
        self._connections = connections
        self._account = account
        self._limits = limits
        self._reserve = reserve
        self._threads = threads
        self._admission = Admission(limits)

    def application(self) -> web.Application:
        """The routes of ClickHouse's HTTP interface that this server answers."""
        application = web.Application(client_max_size=self._limits.request_bytes)
        application.router.add_get("/ping", _healthy)
        application.router.add_get("/replicas_status", _healthy)
        application.router.add_route("*", "/", self._handle)
        application.router.add_route("*", "/{unknown:.*}", _unknown_path)
        return application

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.method in ("GET", "HEAD") and "query" not in request.query:
            return await _healthy(request)
        try:
            self._account.check(request.headers, request.query)
            query = await self._read(request)
            if query.statement.verb == "INSERT":
                self._reserve.check()
            async with self._admission.place(writes=query.is_insert_of_data):
                return await self._run(request, query)
        except ClickHouseError as error:
            return self._error(error)
        except Exception as error:
            log.exception("a request failed in a way that nobody thought of")
            return self._error(ClickHouseError(1002, "UNKNOWN_EXCEPTION", f"{type(error).__name__}: {error}"))

    async def _read(self, request: web.Request) -> QueryRequest:
        fields = dict(request.query)
        if request.content_type == "multipart/form-data":
            fields |= await _form_fields(request)
            body = b""
        else:
            body = await self._body(request)
        return parse_request(request.method, fields, request.headers, body, self._limits)

    async def _body(self, request: web.Request) -> bytes:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise too_large(f"The request's body exceeds {self._limits.request_bytes} bytes: send smaller inserts") from error
        encoding = request.headers.get("Content-Encoding", "").lower()
        if not encoding:
            return body
        return await self._in_thread(lambda: decompress(body, encoding, self._limits.request_bytes))

    async def _run(self, request: web.Request, query: QueryRequest) -> web.StreamResponse:
        encoding = _wanted_encoding(request, query)
        execution = Execution(self._connections, query, encoding, self._limits)
        first = await self._in_thread(execution.begin)
        headers = self._headers(query, execution, encoding)
        if execution.ended:
            return web.Response(body=first, headers=headers)
        try:
            return await self._stream(request, execution, headers, first)
        finally:
            await self._in_thread(execution.close)

    async def _stream(
        self, request: web.Request, execution: Execution, headers: dict[str, str], first: bytes
    ) -> web.StreamResponse:
        tag = secrets.token_hex(_EXCEPTION_TAG_BYTES)
        response = web.StreamResponse(headers=headers | {"X-ClickHouse-Exception-Tag": tag})
        # Where the client has gone, the caller cancels the query.
        with suppress(ClientConnectionResetError):
            await response.prepare(request)
            await response.write(first)
            while not execution.ended:
                await response.write(await self._next(execution, tag))
            await response.write_eof()
        return response

    async def _next(self, execution: Execution, tag: str) -> bytes:
        try:
            return await self._in_thread(execution.read)
        except ClickHouseError as error:
            # The status has been sent: ClickHouse then ends the body with the error between marks.
            log.info("query failed while its result was sent: %s", error)
            text = self._text(error).encode() + b"\n"
            mark = tag.encode()
            framed = b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n" % (
                mark,
                text,
                len(text),
                mark,
            )
            return await self._in_thread(lambda: execution.end_with(framed))

    def _headers(self, query: QueryRequest, execution: Execution, encoding: str | None) -> dict[str, str]:
        headers = self._common_headers() | {
            "Content-Type": _CONTENT_TYPES.get(query.format, "text/plain; charset=UTF-8"),
            "X-ClickHouse-Query-Id": query.query_id,
            "X-ClickHouse-Format": query.format,
            "X-ClickHouse-Summary": execution.progress.summary(),
        }
        return headers if encoding is None else headers | {"Content-Encoding": encoding}

    def _common_headers(self) -> dict[str, str]:
        return {
            "X-ClickHouse-Server-Display-Name": _DISPLAY_NAME,
            "X-ClickHouse-Timezone": self._engine.timezone,
        }

    def _error(self, error: ClickHouseError) -> web.Response:
        if error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            log.info("query failed: %s", error)
        headers = self._common_headers() | {"X-ClickHouse-Exception-Code": str(error.code)}
        if error.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
        return web.Response(status=error.status, text=self._text(error) + "\n", headers=headers)

    def _text(self, error: ClickHouseError) -> str:
        return f"{error} (version {self._engine.version})"

    async def _in_thread(self, call: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


async def _healthy(_request: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")


async def _unknown_path(request: web.Request) -> web.Response:
    text = f"There is no handle {request.path}\n\nUse / or /ping for health checks.\n"
    return web.Response(status=HTTPStatus.NOT_FOUND, text=text)


async def _form_fields(request: web.Request) -> dict[str, str]:
    fields: dict[str, str] = {}
    try:
        form = await request.post()
    except ValueError as error:
        raise bad_argument(f"The multipart form cannot be read: {error}") from error
    for name, value in form.items():
        if not isinstance(value, str):
            raise not_implemented(f"External data ({name!r}) is not supported by the embedded server: use a temporary table")
        fields[name] = value
    return fields


def _wanted_encoding(request: web.Request, query: QueryRequest) -> str | None:
    if query.settings.get("enable_http_compression", "0") != "1":
        return None
    return choose_encoding(request.headers.get("Accept-Encoding", ""))
