"""What runs apart, the demo for one, shares nothing with any system that the environment names."""

from pathlib import Path

import pytest

from streams.cli.apart import apart
from streams.cli.environment import environment_of
from streams.settings import Settings


def test_a_system_apart_and_its_processes_know_no_other_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither addresses nor users nor folders of others reach it; what is said of statistics and workers does."""
    for name, value in {
        "KAFKA__BOOTSTRAP_SERVERS": "kafka:9092",
        "KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA__USERNAME": "somebody",
        "KAFKA__PASSWORD": "word",
        "CLICKHOUSE__URL": "http://clickhouse:8123",
        "LEARNING__RELEASES_DIR": "/releases",
        "TRACING__ENDPOINT": "http://collector:4318/v1/traces",
        "STATISTICS__HALF_LIFE_HOURS": "24",
        "WORKER__FLUSH_INTERVAL_S": "2",
    }.items():
        monkeypatch.setenv(f"HIGHLIGHTS_{name}", value)
    environment = environment_of(apart(Settings(), tmp_path))
    known = {name for name in environment if name.startswith("HIGHLIGHTS_")}
    assert not known & {f"HIGHLIGHTS_{name}" for name in ("KAFKA__BOOTSTRAP_SERVERS", "KAFKA__USERNAME", "KAFKA__PASSWORD")}
    assert not known & {"HIGHLIGHTS_CLICKHOUSE__URL", "HIGHLIGHTS_LEARNING__RELEASES_DIR", "HIGHLIGHTS_TRACING__ENDPOINT"}
    assert environment["HIGHLIGHTS_KAFKA__SECURITY_PROTOCOL"] == "PLAINTEXT"
    assert environment["HIGHLIGHTS_STATISTICS__HALF_LIFE_HOURS"] == "24.0"
    assert environment["HIGHLIGHTS_WORKER__FLUSH_INTERVAL_S"] == "2.0"
    assert environment["HIGHLIGHTS_DATA_DIR"] == str(tmp_path)
