"""What the tests of the embedded Kafka share: its jars, in the cache that outlasts test runs."""

from pathlib import Path

import pytest

from infra.embedded.jars import kafka_jars


@pytest.fixture(scope="session")
def jar_cache(cache_dir: Path) -> Path:
    """Return a cache that holds Kafka's jars, fetched when they are not there yet."""
    kafka_jars(cache_dir)
    return cache_dir
