"""ClickHouse: version, migrations, tables, how it takes inserts, time, disk."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from schemas.clickhouse import migrations
from streams.clickhouse import connect
from streams.doctor.finding import Finding, bad, doubtful, good
from streams.settings import Settings

_OLDEST: Final = (25, 3)
_TOLERATED_SKEW_MS: Final = 60_000
_LEAST_FREE: Final = 0.05
_CREATED = re.compile(r"^CREATE (?:OR REPLACE )?(?:MATERIALIZED )?(?:TABLE|VIEW) (?:IF NOT EXISTS )?(\w+)", re.MULTILINE)


def check_clickhouse(settings: Settings, now_ms: int) -> Iterator[Finding]:
    """Yield what there is to say of ClickHouse.

    Raises:
        ConfigurationError, DeliveryError, ClickHouseError: it cannot be asked.
    """
    with connect(settings.clickhouse) as client:
        yield _version(settings, client)
        yield from _tables(client)
        yield _inserts(client)
        yield _clock(client, now_ms)
        yield from _disks(client)


def _version(settings: Settings, client: Client) -> Finding:
    version = str(client.server_version)
    found = f"{version} at {settings.clickhouse.url}"
    if tuple(map(int, version.split(".")[:2])) < _OLDEST:
        return bad("clickhouse", "version", found, f"upgrade it to {_OLDEST[0]}.{_OLDEST[1]} or newer")
    return good("clickhouse", "version", found)


def _tables(client: Client) -> Iterator[Finding]:
    there = {name for (name,) in client.query("SHOW TABLES").result_rows}
    known = {migration.number: migration for migration in migrations()}
    query = "SELECT DISTINCT number, name FROM schema_migrations"
    applied: dict[int, str] = dict(_pairs(client, query)) if "schema_migrations" in there else {}
    for number in sorted(known.keys() - applied.keys()):
        yield bad("clickhouse", f"migration {known[number].name}", "not applied", "`highlights worker` applies it when it starts")
    for number in sorted(applied.keys() - known.keys()):
        found = "applied by a newer version of this program"
        yield bad("clickhouse", f"migration {applied[number]}", found, "use that version")
    created = {name for number in applied.keys() & known.keys() for name in created_by(known[number].statements)}
    for name in sorted(created - there):
        mend = "clickhouse-client --query 'TRUNCATE TABLE schema_migrations' in this database, then `highlights worker --rebuild`"
        yield bad("clickhouse", f"table {name}", "it was made and is gone", mend)
    if known.keys() == applied.keys() and created <= there:
        yield good("clickhouse", "tables", f"{len(created)} tables and views, {len(applied)} migrations")


def created_by(statements: Iterable[str]) -> list[str]:
    """Return the names of the tables and views that statements create."""
    return _CREATED.findall("\n".join(statements))


def _inserts(client: Client) -> Finding:
    query = "SELECT name, value FROM system.settings WHERE name IN ('async_insert', 'wait_for_async_insert', 'readonly')"
    values: dict[str, str] = dict(_pairs(client, query))
    if values.get("async_insert") == "1" and values.get("wait_for_async_insert") == "0":
        found = "wait_for_async_insert = 0: rows count as written before they are, and are lost when the server ends"
        return bad("clickhouse", "inserts", found, "ALTER USER ... SETTINGS wait_for_async_insert = 1")
    if values.get("readonly", "0") != "0":
        found = "readonly: this user may query, and a worker could not write"
        return doubtful(
            "clickhouse", "inserts", found, "set HIGHLIGHTS_CLICKHOUSE__USER to one that may write, where workers run"
        )
    return good("clickhouse", "inserts", "answered when they are written")


def _pairs(client: Client, query: str) -> Iterator[tuple[Any, Any]]:
    yield from ((first, second) for first, second in client.query(query).result_rows)


def _clock(client: Client, now_ms: int) -> Finding:
    ahead_ms = int(client.query("SELECT toUnixTimestamp64Milli(now64(3))").result_rows[0][0]) - now_ms
    if abs(ahead_ms) > _TOLERATED_SKEW_MS:
        found = f"{ahead_ms / 1000:+,.0f} s from this machine's"
        return doubtful("clickhouse", "clock", found, "set both clocks by NTP (`timedatectl set-ntp true`)")
    return good("clickhouse", "clock", "the same time as here")


def _disks(client: Client) -> Iterator[Finding]:
    for name, free, total in client.query("SELECT name, free_space, total_space FROM system.disks").result_rows:
        found = f"{free / (1 << 30):,.1f} GiB of {total / (1 << 30):,.1f} free"
        if free < _LEAST_FREE * total:
            yield doubtful("clickhouse", f"disk {name}", found, "free some, or add a disk, before inserts are refused")
        else:
            yield good("clickhouse", f"disk {name}", found)
