"""The tables on a cluster, made of the same migrations: `X` becomes a Distributed table over replicated tables `X_local`."""

import re
from typing import Final

from schemas.clickhouse import MIGRATIONS_TABLE, Migration, migrations
from schemas.errors import ContractError

_CREATE: Final = re.compile(
    r"^CREATE TABLE IF NOT EXISTS (\w+)(.*?)^ENGINE = (\w*MergeTree)(.*?)^ORDER BY \(([^)]+)\)", re.S | re.M
)
_VIEW: Final = re.compile(r"^CREATE OR REPLACE VIEW (\w+) AS", re.M)
_WRITER: Final = re.compile(r"^CREATE MATERIALIZED VIEW IF NOT EXISTS (\w+) TO (\w+) AS(.*)FROM (\w+)$", re.S | re.M)
_ALTER: Final = re.compile(r"^ALTER TABLE (\w+) ", re.M)


def cluster_statements(cluster: str) -> list[str]:
    """Return the statements that make all tables and views on a cluster, in order.

    Rows of one video lie on one shard, so that a newer row of a clip replaces an older one; rows without a video go by the first
    column of their order. Replicas have ClickHouse's default path; `{shard}` and `{replica}` are macros of the servers. The text
    is for a person to run: we send none of it.

    Args:
        cluster: its name, as in `system.clusters`.

    Raises:
        ContractError: the name is none, or a migration holds a statement that is not known here.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", cluster):
        message = f"cluster = {cluster!r}: give the name of a cluster as in system.clusters"
        raise ContractError(message)
    found = migrations()
    statements = [made for migration in found for statement in migration.statements for made in _on_cluster(statement, cluster)]
    return [*statements, *_notes(found, cluster)]


def _on_cluster(statement: str, cluster: str) -> list[str]:
    there = f"ON CLUSTER '{cluster}'"
    if table := _CREATE.search(statement):
        name, order = table.group(1), table.group(5).split(", ")
        shard_key = next((column for column in order if "video" in column), order[0])
        local = re.sub(r"^(CREATE TABLE IF NOT EXISTS \w+)", rf"\1_local {there}", statement, flags=re.M)
        local = re.sub(r"^ENGINE = (\w*MergeTree)", r"ENGINE = Replicated\1", local, flags=re.M)
        return [
            local,
            f"CREATE TABLE IF NOT EXISTS {name} {there} AS {name}_local\n"
            f"ENGINE = Distributed('{cluster}', currentDatabase(), {name}_local, cityHash64({shard_key}))",
        ]
    if _VIEW.search(statement):
        return [_VIEW.sub(rf"CREATE OR REPLACE VIEW \1 {there} AS", statement)]
    if _WRITER.search(statement):
        return [_WRITER.sub(rf"CREATE MATERIALIZED VIEW IF NOT EXISTS \1 {there} TO \2_local AS\3FROM \4_local", statement)]
    if _ALTER.search(statement):
        return [_ALTER.sub(rf"ALTER TABLE \1{suffix} {there} ", statement) for suffix in ("_local", "")]
    message = f"a migration holds a statement that schemas/clickhouse/cluster.py does not know: {statement[:200]}"
    raise ContractError(message)


def _notes(found: list[Migration], cluster: str) -> list[str]:
    """Return what tells a worker, whichever server it asks, that nothing is left to be applied."""
    engine = "ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}')"
    table = MIGRATIONS_TABLE.strip().replace("ENGINE = ReplacingMergeTree", f"ENGINE = {engine}")
    rows = ", ".join(f"({migration.number}, '{migration.name}')" for migration in found)
    return [
        table.replace("schema_migrations (", f"schema_migrations ON CLUSTER '{cluster}' (", 1),
        f"INSERT INTO schema_migrations (number, name) VALUES {rows}",
    ]
