"""A disk that runs full: refused in time, and nothing is lost."""

from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from infra.embedded.clickhouse import EmbeddedClickHouse
from tests.infra.full_disk import full_disk, reserve_bytes
from tests.infra.waiting import wait_for


def _merged(client: Client) -> bool:
    """Return whether the engine merges now."""
    try:
        client.command("OPTIMIZE TABLE t FINAL")
    except DatabaseError as error:
        if "ABORTED" not in str(error):
            raise
        return False
    return True


def test_inserts_are_refused_and_merges_held_while_the_reserve_is_touched(tmp_path: Path) -> None:
    """Reading goes on; when there is room again, so does all else, without a restart."""
    with (
        EmbeddedClickHouse(tmp_path / "data", password="p", disk_reserve_bytes=reserve_bytes(tmp_path)) as server,
        clickhouse_connect.get_client(host="127.0.0.1", port=server.port, username=server.user, password="p") as client,
    ):
        client.command("CREATE TABLE t (k UInt64) ENGINE = ReplacingMergeTree ORDER BY k")
        client.command("INSERT INTO t SELECT 1")
        client.command("INSERT INTO t SELECT 1")

        with full_disk(tmp_path):
            with pytest.raises(DatabaseError, match="make room"):
                client.command("INSERT INTO t SELECT 2")
            with pytest.raises(DatabaseError, match="NOT_ENOUGH_SPACE"):
                client.insert("t", [[2]], column_names=["k"])
            assert wait_for(lambda: not _merged(client))
            assert client.query("SELECT DISTINCT k FROM t").result_rows == [(1,)]

        client.insert("t", [[2]], column_names=["k"])
        assert wait_for(lambda: _merged(client))
        assert client.query("SELECT k FROM t ORDER BY k").result_rows == [(1,), (2,)]
