"""What the tests of the embedded Kafka share: its jars, in the cache that outlasts test runs."""

from pathlib import Path

import pytest
from platformdirs import user_cache_path

from infra.embedded.jars import kafka_jars


@pytest.fixture(scope="session")
def jar_cache() -> Path:
    """Return a cache that holds Kafka's jars, fetched when they are not there yet."""
    cache = user_cache_path("highlights")
    kafka_jars(cache)
    return cache
