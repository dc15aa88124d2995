"""Secured servers for all tests of this folder; each test has topics, a group and a database of its own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.embedded.clickhouse import EmbeddedClickHouse
from streams.cli.environment import environment_of
from streams.settings import ClickHouseSettings, KafkaSettings, Settings, WorkerSettings
from tests.integration.running import System
from tests.security.secured import CLICKHOUSE_PASSWORD, HASH_SECRET, KAFKA_PASSWORD, USER, Certificates, SecuredKafka, TlsProxy

_numbers = count(1)

Highlights = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The certificates of the servers."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path, certificates: Certificates) -> Iterator[SecuredKafka]:
    """Kafka with its secured listeners, and the user that they let in."""
    with SecuredKafka(tmp_path_factory.mktemp("kafka"), cache_dir, certificates) as running:
        running.add_user()
        yield running


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """ClickHouse without TLS."""
    with EmbeddedClickHouse(tmp_path_factory.mktemp("clickhouse"), password=CLICKHOUSE_PASSWORD) as running:
        yield running


@pytest.fixture(scope="session")
def clickhouse_url(clickhouse: EmbeddedClickHouse, certificates: Certificates) -> Iterator[str]:
    """The address of ClickHouse over TLS."""
    with TlsProxy(certificates, clickhouse.port) as proxy:
        yield f"https://127.0.0.1:{proxy.port}"


@pytest.fixture
def settings(
    kafka: SecuredKafka, clickhouse: EmbeddedClickHouse, clickhouse_url: str, certificates: Certificates, tmp_path: Path
) -> Settings:
    """Settings with TLS and passwords everywhere, for topics, a group and a database that nobody else uses."""
    name = f"t{next(_numbers)}"
    return Settings(
        data_dir=tmp_path,
        hash_secret=SecretStr(HASH_SECRET),
        kafka=KafkaSettings(
            bootstrap_servers=kafka.address("SASL_SSL"),
            security_protocol="SASL_SSL",
            username=USER,
            password=SecretStr(KAFKA_PASSWORD),
            ca_file=certificates.authority,
            topic_prefix=f"{name}-",
            interactions_partitions=2,
        ),
        clickhouse=ClickHouseSettings(
            url=clickhouse_url,
            user=clickhouse.user,
            password=SecretStr(CLICKHOUSE_PASSWORD),
            ca_file=certificates.authority,
            database=name,
        ),
        worker=WorkerSettings(flush_interval_s=0.2, metrics_port=0),
    )


@pytest.fixture
def make_system(tmp_path: Path) -> Iterator[Callable[[Settings], System]]:
    """Return what makes a system of workers over settings; its workers are killed at the end."""
    made: list[System] = []

    def make(settings: Settings) -> System:
        made.append(System(settings, tmp_path))
        return made[-1]

    yield make
    for system in made:
        system.kill_all()


@pytest.fixture
def highlights() -> Highlights:
    """Return what runs a command of `highlights` to its end, under settings and further variables."""

    def run(settings: Settings, *arguments: str, text: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "streams.cli", *arguments]
        env = environment_of(settings) | variables
        return subprocess.run(command, env=env, input=text, capture_output=True, text=True, timeout=120, check=False)

    return run
