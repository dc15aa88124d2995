"""The embedded servers of the chaos tests, apart from those of the integration tests: here they die."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.embedded.stack import EmbeddedStack
from tests.infra.full_disk import reserve_bytes


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[EmbeddedStack]:
    """The embedded servers."""
    folder = tmp_path_factory.mktemp("chaos")
    with EmbeddedStack(
        folder, cache_dir=cache_dir, kafka_port=0, clickhouse_port=0, disk_reserve_bytes=reserve_bytes(folder)
    ) as running:
        yield running
