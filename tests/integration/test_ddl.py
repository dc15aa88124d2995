"""`highlights ddl`, as far as one server can tell."""

from tests.integration.running import System


def test_clickhouse_reads_every_statement(system: System) -> None:
    """ClickHouse's own parser takes each statement that the command prints."""
    done = system.run("ddl", "--cluster", "main")
    assert done.returncode == 0, done.stderr
    statements = [part for part in done.stdout.split(";\n\n") if part.strip()]
    assert len(statements) > 10
    for statement in statements:
        if not statement.startswith("INSERT"):
            assert system.client.query("SELECT formatQuery({sql:String})", {"sql": statement}).first_row[0]
