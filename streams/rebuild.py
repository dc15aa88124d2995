"""Computing state again from the topics, and putting it in the place of what the changelog holds.

It happens in two steps, and may be cut off between any two moments of them: the changelog, in one transaction, has the new
state in place of the old one, with a note that it is not published yet; whoever holds the partition next publishes every row of
it, in a later epoch than that of any row, and takes the note back.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from typing import NamedTuple

from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, ConsumerGroupState, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.errors import ConfigurationError, StateError
from schemas.topics import INTERACTIONS
from streams import garbage_collection
from streams.changelog import LEDGER, read_ledger
from streams.exclusions import read_exclusions
from streams.flush import Sinks
from streams.kafka import connection, telling, topic_name
from streams.recompute import recompute
from streams.recovery import read_records
from streams.settings import KafkaSettings, Settings
from streams.state import PartitionState

_TIMEOUT_S = 30.0


class Rebuilt(NamedTuple):
    """What was done with one partition."""

    partition: int
    interactions: int
    applied_offset: int


def rebuild(
    settings: Settings,
    client: Client,
    partitions: int,
    *,
    since: datetime | None = None,
    progress: Callable[[int], None] = lambda _count: None,
) -> list[Rebuilt]:
    """Compute the state of all partitions again, and put it in place of what there is, readable or not.

    Args:
        settings: all settings.
        client: of ClickHouse.
        partitions: of the source.
        since: the broker's stamp to begin at; the source's beginning when None.
        progress: called with the number of messages of each chunk.

    Raises:
        ConfigurationError: workers of the group are running.
    """
    _check_idle(settings)
    garbage_collection.calm()
    sinks, rebuilt = Sinks(settings, client), []
    for partition in range(partitions):
        sinks.take(partition)
        old = read_records(settings, partition)
        excluded, exclusions_offset = read_exclusions(settings, partition)
        first_offset = _offset_at(settings.kafka, partition, since) if since else 0
        state = recompute(
            settings,
            partition,
            partitions,
            excluded=excluded,
            first_offset=first_offset,
            keep_supervised=True,
            progress=progress,
        )
        state.ledger.exclusions_offset, state.ledger.epoch = exclusions_offset, _epoch(old)
        put_in_place(sinks, state, set(old))
        rebuilt.append(Rebuilt(partition, state.ledger.consumed, state.ledger.applied_offset))
    return rebuilt


def _epoch(records: Mapping[bytes, bytes]) -> int:
    """Return the epoch of a state, 0 where its ledger cannot be read: ClickHouse is asked for the highest one, too."""
    try:
        return read_ledger(records[LEDGER]).epoch
    except (KeyError, ValueError, StateError):
        return 0


def put_in_place(sinks: Sinks, state: PartitionState, old_keys: set[bytes]) -> None:
    """Write a state in place of the one whose records have these keys. The partition's writer is ours, and idle.

    What models say goes to ClickHouse now: the worker that publishes the rest reads their topic from where this state ends.
    """
    flush = state.take_place_of(old_keys)
    sinks.publish([flush])
    sinks.write_changelog([flush])
    sinks.commit_changelog([flush])


def _check_idle(settings: Settings) -> None:
    group = settings.group
    admin = AdminClient(connection(settings.kafka) | {"log_level": 0})
    with telling(f"Kafka does not say whether group {group} has workers"):
        found = admin.describe_consumer_groups([group], request_timeout=_TIMEOUT_S)[group].result(_TIMEOUT_S)
    if found.state not in (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD):
        message = (
            f"group {group} has {len(found.members)} running workers: stop them before a rebuild (one that was killed leaves the "
            "group after HIGHLIGHTS_WORKER__SESSION_TIMEOUT_S)"
        )
        raise ConfigurationError(message)


def _offset_at(settings: KafkaSettings, partition: int, since: datetime) -> int:
    place = TopicPartition(topic_name(settings, INTERACTIONS), partition, int(since.timestamp() * 1000))
    failing = telling(f"Kafka does not say what it received in partition {partition} since {since}")
    with closing(Consumer(connection(settings) | {"group.id": "unused", "log_level": 0})) as consumer, failing:
        (found,) = consumer.offsets_for_times([place], timeout=_TIMEOUT_S)
        end = consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)[1]
    return int(found.offset) if found.offset >= 0 else int(end)
