"""The embedded servers of the chaos tests, apart from those of the integration tests: here they die."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.embedded.stack import EmbeddedStack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[EmbeddedStack]:
    """The embedded servers."""
    with EmbeddedStack(tmp_path_factory.mktemp("chaos"), cache_dir=cache_dir, kafka_port=0, clickhouse_port=0) as running:
        yield running
