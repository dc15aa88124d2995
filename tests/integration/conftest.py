"""One real Kafka and one real ClickHouse for all integration tests; each test has topics, a group and a database of its own."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from infra.embedded.stack import EmbeddedStack
from streams.cli.environment import with_endpoints
from streams.settings import ClickHouseSettings, KafkaSettings, Settings, WorkerSettings
from tests.integration.running import System
from tests.integration.terminal import Terminal

_numbers = count(1)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[EmbeddedStack]:
    """The embedded servers."""
    folder = tmp_path_factory.mktemp("stack")
    with EmbeddedStack(folder, cache_dir=cache_dir, kafka_port=0, clickhouse_port=0) as running:
        yield running


@pytest.fixture
def settings(stack: EmbeddedStack, tmp_path: Path) -> Settings:
    """Settings for topics, a group and a database that nobody else uses: a prefix is enough for all of Kafka."""
    name = f"t{next(_numbers)}"
    own = Settings(
        data_dir=tmp_path,
        kafka=KafkaSettings(topic_prefix=f"{name}-", interactions_partitions=2),
        clickhouse=ClickHouseSettings(database=name),
        worker=WorkerSettings(flush_interval_s=0.2, metrics_port=0),
    )
    return with_endpoints(own, stack.endpoints)


@pytest.fixture
def system(settings: Settings, tmp_path: Path) -> Iterator[System]:
    """Workers that can be started, stopped and killed, and what they are fed."""
    running = System(settings, tmp_path)
    yield running
    running.kill_all()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal in an empty folder."""
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.close()
