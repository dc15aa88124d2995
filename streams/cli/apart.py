"""A system apart: servers, topics and tables in a folder that is removed in the end, and settings that know of no other."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.embedded.stack import EmbeddedStack
from streams.cli.environment import cache_dir, with_endpoints
from streams.cli.up import prepare
from streams.settings import ClickHouseSettings, KafkaSettings, LearningSettings, Settings, TracingSettings


@contextmanager
def system_apart(settings: Settings) -> Iterator[Settings]:
    """Run Kafka and ClickHouse for nobody else, with topics and tables in place; yield the settings that name them."""
    with (
        tempfile.TemporaryDirectory(prefix="highlights-apart-") as folder,
        EmbeddedStack(Path(folder), cache_dir=cache_dir(), kafka_port=0, clickhouse_port=0) as stack,
    ):
        own = with_endpoints(apart(settings, Path(folder)), stack.endpoints)
        prepare(own)
        yield own


def apart(settings: Settings, folder: Path) -> Settings:
    """Return settings of a system that shares nothing with any other, whatever the environment names.

    How many partitions there are, and when pairs are built, names nobody: it stays.
    """
    own = {
        "kafka": KafkaSettings(interactions_partitions=settings.kafka.interactions_partitions),
        "clickhouse": ClickHouseSettings(),
        "learning": LearningSettings(pairs_interval_hours=settings.learning.pairs_interval_hours),
        "tracing": TracingSettings(),
        "data_dir": folder,
    }
    return settings.model_copy(update=own)
