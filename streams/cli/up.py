"""`highlights up`: the embedded servers, in the foreground."""

import signal
import threading

from infra.embedded.stack import EmbeddedStack
from schemas.errors import ConfigurationError
from streams import clickhouse
from streams.cli.environment import cache_dir, with_endpoints
from streams.cli.output import console
from streams.kafka import CommittedOffsets, ensure_topics
from streams.settings import Settings


def up(settings: Settings, kafka_port: int, clickhouse_port: int) -> None:
    """Run Kafka and ClickHouse with topics and tables in place, until SIGINT or SIGTERM.

    Raises:
        ConfigurationError: others are set, so these would be of no use.
    """
    if settings.kafka.bootstrap_servers or settings.clickhouse.url:
        message = (
            "HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS or HIGHLIGHTS_CLICKHOUSE__URL is set, or `highlights up` runs already: "
            "nothing to start"
        )
        raise ConfigurationError(message)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stack = EmbeddedStack(settings.data_dir, cache_dir=cache_dir(), kafka_port=kafka_port, clickhouse_port=clickhouse_port)
    with console.status("starting Kafka and ClickHouse ..."):
        stack.start()
    try:
        settings = with_endpoints(settings, stack.endpoints)
        prepare(settings)
        describe(settings)
        console.print("other terminals find them by themselves: `highlights worker`, `highlights feed` ... Ctrl-C stops them.")
        while not stop.wait(0.5):
            _check_alive(stack)
    finally:
        with console.status("stopping ..."):
            stack.stop()


def prepare(settings: Settings) -> None:
    """Create topics and tables that are missing, and have a new Kafka choose the group's coordinator before a worker asks it."""
    partitions = ensure_topics(settings.kafka, settings.group)
    CommittedOffsets(settings.kafka, settings.group, partitions).count()
    with clickhouse.connect(settings.clickhouse, create_database=True) as client:
        clickhouse.migrate(client)


def describe(settings: Settings) -> None:
    """Say where the servers listen."""
    console.print(f"Kafka       {settings.kafka.bootstrap_servers}")
    console.print(
        f"ClickHouse  {settings.clickhouse.url}  user {settings.clickhouse.user}, database {settings.clickhouse.database}"
    )
    console.print(f"data        {settings.data_dir.resolve()}  (the password is in clickhouse-password)")


def _check_alive(stack: EmbeddedStack) -> None:
    for name, alive in (("Kafka", stack.kafka.alive), ("ClickHouse", stack.clickhouse.alive)):
        if not alive:
            message = f"{name} went away; its log is server.log in its data folder. `highlights up` starts it again with its data"
            raise ConfigurationError(message)
