"""The statements for a cluster are the migrations."""

import re

import pytest

from schemas.clickhouse import migrations
from schemas.clickhouse.cluster import cluster_statements
from schemas.errors import ContractError

PLAIN = [statement for migration in migrations() for statement in migration.statements]
CLUSTERED = cluster_statements("main")


def columns(statement: str) -> str:
    """Return the part in which a table's columns stand."""
    return statement[statement.index("\n(") : statement.index("\nENGINE")]


def test_every_table_has_the_same_columns() -> None:
    """Of each table's migration there is a replicated table with its columns, word for word, and a note of the migrations."""
    plain = [columns(statement) for statement in PLAIN if "CREATE TABLE" in statement]
    replicated = [statement for statement in CLUSTERED if "ENGINE = Replicated" in statement]
    assert plain == [columns(statement) for statement in replicated[:-1]]


def test_everything_is_made_on_the_cluster() -> None:
    """Each statement but the note of what is applied names the cluster."""
    assert all("ON CLUSTER 'main'" in statement for statement in CLUSTERED[:-1])


def test_a_view_reads_all_shards() -> None:
    """Views are the same text as on one server: they read the distributed tables."""
    views = [
        re.sub(r" ON CLUSTER 'main'", "", statement) for statement in CLUSTERED if "VIEW" in statement and " TO " not in statement
    ]
    assert views == [statement for statement in PLAIN if "REPLACE VIEW" in statement]


def test_history_is_written_on_the_shard_of_its_rows() -> None:
    """Writers of what was published read and write local tables: over distributed ones, every shard would write each row."""
    writers = [statement for statement in CLUSTERED if "MATERIALIZED" in statement]
    assert len(writers) == 2
    for writer in writers:
        assert re.search(r"TO \w+_local AS", writer)
        assert re.search(r"FROM \w+_local$", writer, re.M)


def test_rows_of_a_clip_meet_on_one_shard() -> None:
    """Scores are sharded by their video: a ReplacingMergeTree replaces within a shard."""
    sharded = dict(re.findall(r"(\w+)_local, cityHash64\((\w+)\)", "\n".join(CLUSTERED)))
    assert sharded["clip_scores"] == sharded["clip_score_history"] == sharded["supervised_outputs"] == "video_id"


def test_a_worker_finds_all_migrations_applied() -> None:
    """The last statement notes every migration."""
    assert all(f"({migration.number}, '{migration.name}')" in CLUSTERED[-1] for migration in migrations())


@pytest.mark.parametrize("name", ["", "two words", "x'; DROP TABLE y"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    """A cluster's name cannot carry SQL."""
    with pytest.raises(ContractError, match="cluster = "):
        cluster_statements(name)
