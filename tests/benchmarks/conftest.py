"""What tests of benchmarks share."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def _elsewhere() -> Iterator[None]:
    """Name a Kafka and a ClickHouse that do not answer: no benchmark is to write into what somebody has set."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
        patch.setenv("HIGHLIGHTS_CLICKHOUSE__URL", "http://127.0.0.1:1")
        yield
