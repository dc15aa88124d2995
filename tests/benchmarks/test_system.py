"""Benchmarks touch nothing but what they have started, whatever the environment names."""

import ast
from pathlib import Path

import pytest

from benchmarks.system import with_worker
from streams import clickhouse
from streams.cli.apart import system_apart
from streams.kafka import partition_counts
from streams.settings import Settings

_ROOT = Path(__file__).parents[2]
_OF_ONES_OWN = {"with_endpoints", "EmbeddedStack"}


def test_a_system_apart_is_used_where_others_are_set_and_keeps_what_is_set_for_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka and ClickHouse of the environment do not answer, and are not asked; a worker's interval is the environment's."""
    monkeypatch.setenv("HIGHLIGHTS_WORKER__FLUSH_INTERVAL_S", "2")
    with system_apart(Settings()) as settings, clickhouse.connect(settings.clickhouse) as client:
        assert settings.kafka.bootstrap_servers != Settings().kafka.bootstrap_servers
        assert settings.clickhouse.url != Settings().clickhouse.url
        assert "interactions" in partition_counts(settings.kafka)
        assert client.query("SELECT count() FROM clip_scores").result_rows == [(0,)]
        assert with_worker(settings, group="another").worker.flush_interval_s == 2
        assert settings.data_dir.exists()
    assert not settings.data_dir.exists()


def test_no_benchmark_makes_a_system_in_another_way() -> None:
    """What takes the embedded servers only where no others are set is used by none of them."""
    for path in (_ROOT / "benchmarks").rglob("*.py"):
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        assert not _OF_ONES_OWN & {name.name for node in imports for name in node.names}, path
