"""ClickHouse through its one client: connection, migrations, inserts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import clickhouse_connect
import pyarrow as pa
import structlog
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.httputil import default_pool_manager
from urllib3.exceptions import HTTPError

from schemas.clickhouse import CLIP_SCORES, MIGRATIONS_TABLE, Migration, migrations
from schemas.errors import ConfigurationError, DeliveryError
from streams.settings import ClickHouseSettings, is_loopback

log = structlog.get_logger()

_DATABASE: Final = "SELECT 1 FROM system.databases WHERE name = {name:String}"
_TABLE: Final = "SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = {name:String}"


def connect(settings: ClickHouseSettings, *, create_database: bool = False) -> Client:
    """Return a client of the configured database.

    Raises:
        ConfigurationError: no address is set, or user or password are wrong.
        DeliveryError: ClickHouse does not answer.
    """
    if not settings.url:
        message = (
            "no ClickHouse: start the embedded one with `highlights up` in another terminal, "
            "or set HIGHLIGHTS_CLICKHOUSE__URL to your own"
        )
        raise ConfigurationError(message)
    try:
        if create_database:
            with _open(settings, "default") as client:
                if not _has(client, _DATABASE, settings.database):
                    client.command("CREATE DATABASE IF NOT EXISTS {name:Identifier}", {"name": settings.database})
        return _open(settings, settings.database)
    except ClickHouseError as error:
        raise _explained(error, settings) from error


def _open(settings: ClickHouseSettings, database: str) -> Client:
    address = urlsplit(settings.url or "")
    is_direct = address.scheme == "http" and is_loopback(address.hostname or "")
    return clickhouse_connect.get_client(
        interface=address.scheme,
        host=address.hostname,
        port=address.port or (8443 if address.scheme == "https" else 8123),
        username=settings.user,
        password=settings.password.get_secret_value(),
        database=database,
        connect_timeout=10,
        send_receive_timeout=int(settings.timeout_s),
        autogenerate_session_id=False,
        ca_cert=str(settings.ca_file) if settings.ca_file else None,
        # Else a proxy of the environment, which knows nothing of this machine's own ports, would be asked.
        pool_mgr=default_pool_manager() if is_direct else None,
    )


def _has(client: Client, query: str, name: str) -> bool:
    """Return whether a query for a name finds it: IF NOT EXISTS wants the right to make it, too."""
    return bool(client.query(query, {"name": name}).result_rows)


def _explained(error: ClickHouseError, settings: ClickHouseSettings) -> Exception:
    text = str(error)
    if "code: 516" in text.lower():
        return ConfigurationError(
            f"ClickHouse at {settings.url} refuses user {settings.user!r}: check HIGHLIGHTS_CLICKHOUSE__USER and "
            "HIGHLIGHTS_CLICKHOUSE__PASSWORD"
        )
    if "ACCESS_DENIED" in text or "code: 497" in text.lower():
        return ConfigurationError(
            f"ClickHouse at {settings.url} does not let user {settings.user!r} do what a worker must: {_cause(error)} "
            "(docs/security.md lists the rights)"
        )
    if "UNKNOWN_DATABASE" in text:
        return ConfigurationError(
            f"ClickHouse at {settings.url} has no database {settings.database!r} yet: a worker's first start makes it"
        )
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return ConfigurationError(
            f"the certificate of ClickHouse at {settings.url} is not trusted: set HIGHLIGHTS_CLICKHOUSE__CA_FILE to its "
            "authority's, and name the server as the certificate does"
        )
    return DeliveryError(
        f"ClickHouse at {settings.url} does not answer: {_cause(error)}. Is it up, and is it http or https there?"
    )


def _cause(error: BaseException) -> str:
    """Return the first line of what an error came from: that of a library names all layers above the one that failed."""
    while inner := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        error = inner
    return (str(error) or type(error).__name__).splitlines()[0]


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Have errors of ClickHouse say what failed, and why.

    Raises:
        DeliveryError: ClickHouse does not answer, or refuses.
    """
    try:
        yield
    except (ClickHouseError, HTTPError, pa.ArrowException) as error:  # the last two of an answer that breaks off
        message = f"{what}: {_cause(error)}"
        raise DeliveryError(message) from error


def migrate(client: Client) -> list[Migration]:
    """Apply the migrations that are missing; return them. Each can run twice, so two workers may start at once.

    Raises:
        DeliveryError: ClickHouse does not answer, or refuses one.
    """
    with telling("ClickHouse does not answer, or refuses to make the tables"):
        return _apply_missing(client)


def _apply_missing(client: Client) -> list[Migration]:
    if not _has(client, _TABLE, "schema_migrations"):
        client.command(MIGRATIONS_TABLE)
    done = {row[0] for row in client.query("SELECT number FROM schema_migrations").result_rows}
    missing = [migration for migration in migrations() if migration.number not in done]
    for migration in missing:
        for statement in migration.statements:
            client.command(statement)
        client.insert("schema_migrations", [(migration.number, migration.name)], column_names=["number", "name"])
        log.info("migration applied", name=migration.name)
    return missing


def insert(client: Client, table: str, rows: pa.Table, settings: dict[str, Any] | None = None) -> None:
    """Insert rows, if there are any.

    Raises:
        DeliveryError: ClickHouse did not take them.
    """
    if not len(rows):
        return
    with telling(f"ClickHouse did not take {len(rows)} rows of {table}"):
        client.insert_arrow(table, rows, settings=settings)


def rows_of_partition(client: Client, partition: int) -> tuple[list[tuple[str, int]], int]:
    """Return (video id, clip index) of every clip that has a row from a partition of the source, and the highest version.

    Raises:
        DeliveryError: ClickHouse does not answer.
    """
    query = (
        f"SELECT video_id, clip_index, max(version) FROM {CLIP_SCORES} WHERE source_partition = {{partition:UInt32}} GROUP BY ALL"
    )
    with telling("ClickHouse does not say which clips it has"):
        rows = client.query(query, {"partition": partition}).result_rows
    return [(video_id, clip_index) for video_id, clip_index, _ in rows], max((version for *_, version in rows), default=0)
