"""What one HTTP request asks for, read from its URL parameters, headers and body."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from infra.embedded.clickhouse_server.errors import ClickHouseError, bad_argument, not_implemented
from infra.embedded.clickhouse_server.limits import ServerLimits
from infra.embedded.clickhouse_server.native_blocks import FLAGS_FROM_VERSION
from infra.embedded.clickhouse_server.statement import Statement, parse_statement

READ_ONLY_EXCEPT_SETTINGS = "2"
_PARAMETER_PREFIX = "param_"
_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_SESSION_S = 3600
_DEFAULT_SESSION_S = 60
# Parameters of the HTTP interface itself: everything else in the URL is a setting, as in ClickHouse.
_INTERFACE_PARAMETERS = {
    "query", "database", "default_format", "user", "password", "quota_key", "session_id", "session_timeout",
    "session_check", "query_id", "wait_end_of_query", "buffer_size", "client_protocol_version", "compress",
    "decompress", "role",
}  # fmt: skip


@dataclass(frozen=True)
class SessionRequest:
    """Which session to run in. `must_exist`: fail with SESSION_NOT_FOUND rather than begin one."""

    session_id: str
    idle_s: int
    must_exist: bool


@dataclass(frozen=True)
class QueryRequest:
    """One statement with everything that belongs to it, and nothing of another request.

    `parameters` are the values of {name:Type}, escaped as ClickHouse's HTTP interface wants them; `settings`
    hold for this statement only; `format` is what the result is written in; `whole` asks for the result's end
    before its beginning; `native_flags`: Native as newer protocol versions write it.
    """

    statement: Statement
    parameters: dict[str, str]
    settings: dict[str, str]
    database: str | None
    format: str
    session: SessionRequest | None
    query_id: str
    whole: bool
    native_flags: bool

    @property
    def is_insert_of_data(self) -> bool:
        """Whether the data of an INSERT came with it."""
        return self.statement.data is not None


def parse_request(
    method: str, url: Mapping[str, str], headers: Mapping[str, str], body: bytes, limits: ServerLimits
) -> QueryRequest:
    """Read a request; `url` also holds the fields of a multipart form, `body` is already decompressed.

    Raises:
        ClickHouseError: what `parse_statement` raises, UNKNOWN_SETTING for an impossible setting name,
        NOT_IMPLEMENTED for
            parts of the interface that this server has not, BAD_ARGUMENTS or INVALID_SESSION_TIMEOUT for
            wrong values.
    """
    _refuse_what_is_missing_here(url)
    head = url.get("query", "").rstrip().encode()
    text = head + b"\n" + body if head and body else head or body
    statement = parse_statement(text, limits.statement_bytes)
    default = url.get("default_format") or headers.get("X-ClickHouse-Format")
    fallback = "Values" if statement.data is not None else "TabSeparated"
    return QueryRequest(
        statement=statement,
        parameters={
            name.removeprefix(_PARAMETER_PREFIX): value for name, value in url.items() if name.startswith(_PARAMETER_PREFIX)
        },
        settings=_settings(method, url),
        database=url.get("database") or headers.get("X-ClickHouse-Database"),
        format=statement.format or default or fallback,
        session=_session(url),
        query_id=url.get("query_id") or str(uuid.uuid4()),
        whole=url.get("wait_end_of_query") == "1",
        native_flags=_protocol_version(url) >= FLAGS_FROM_VERSION,
    )


def _refuse_what_is_missing_here(url: Mapping[str, str]) -> None:
    for name in ("compress", "decompress"):
        if url.get(name) == "1":
            raise not_implemented(
                f"{name}=1 (ClickHouse block compression) is not supported by the embedded server: "
                "use Content-Encoding or Accept-Encoding with enable_http_compression=1"
            )
    if "role" in url:
        raise not_implemented(f"role={url['role']!r}: the embedded server has no roles, leave the parameter out")


def _protocol_version(url: Mapping[str, str]) -> int:
    version = url.get("client_protocol_version", "0")
    if not version.isdecimal():
        raise bad_argument(f"client_protocol_version={version!r} is not a whole number")
    return int(version)


def _settings(method: str, url: Mapping[str, str]) -> dict[str, str]:
    settings = {}
    for name, value in url.items():
        if name in _INTERFACE_PARAMETERS or name.startswith(_PARAMETER_PREFIX):
            continue
        if not _SETTING_NAME.fullmatch(name):
            raise ClickHouseError(115, "UNKNOWN_SETTING", f"Unknown setting {name!r}")
        settings[name] = value
    if method != "POST" and settings.get("readonly", "0") == "0":
        settings["readonly"] = READ_ONLY_EXCEPT_SETTINGS
    return settings


def _session(url: Mapping[str, str]) -> SessionRequest | None:
    session_id = url.get("session_id")
    if not session_id:
        return None
    timeout = url.get("session_timeout", str(_DEFAULT_SESSION_S))
    if not timeout.isdecimal():
        raise bad_argument(f"session_timeout={timeout!r} is not a whole number of seconds")
    if int(timeout) > _LONGEST_SESSION_S:
        raise ClickHouseError(
            374,
            "INVALID_SESSION_TIMEOUT",
            f"Session timeout {timeout} s is larger than the maximum, {_LONGEST_SESSION_S} s",
        )
    return SessionRequest(session_id, int(timeout), url.get("session_check") == "1")
