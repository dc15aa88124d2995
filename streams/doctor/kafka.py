"""Kafka: brokers, topics and their settings, the group, the time."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

from schemas.topics import INTERACTIONS
from streams.doctor.finding import Finding, bad, doubtful, good
from streams.doctor.partitions import mend
from streams.kafka import connection, expected_topics, partition_counts, partitions_of, topic_name
from streams.settings import Settings

_TIMEOUT_S: Final = 10.0
_TOLERATED_SKEW_MS: Final = 60_000
_KEEPS_FOR_EVER: Final = -1


def check_kafka(settings: Settings, now_ms: int) -> Iterator[Finding]:
    """Yield what there is to say of Kafka.

    Raises:
        ConfigurationError, DeliveryError, KafkaException: it cannot be asked.
    """
    kafka, source = settings.kafka, topic_name(settings.kafka, INTERACTIONS)
    counts = partition_counts(kafka, _TIMEOUT_S)
    admin = AdminClient(connection(kafka) | {"log_level": 0})
    metadata = admin.list_topics(timeout=_TIMEOUT_S)
    yield good("kafka", "reachable", f"{len(metadata.brokers)} brokers at {kafka.bootstrap_servers}, {kafka.security_protocol}")
    expected = expected_topics(kafka, settings.group)
    present = {name: config for name, config in expected.items() if name in counts}
    yield from _topics(settings, expected, counts)
    yield from _replicas(metadata, present)
    yield from _configs(settings, admin, present)
    yield _group(settings, admin)
    if source in counts:
        yield _clock(admin, source, counts[source], now_ms)


def _topics(settings: Settings, expected: Mapping[str, Any], counts: Mapping[str, int]) -> Iterator[Finding]:
    source = topic_name(settings.kafka, INTERACTIONS)
    wanted, right = counts.get(source), 0
    for name in expected:
        if name not in counts:
            yield bad("kafka", f"topic {name}", "there is none", "`highlights worker` makes it when it starts")
        elif wanted is not None and counts[name] != wanted:
            found = f"{counts[name]} partitions, and {source} has {wanted}: they must have the same number"
            yield bad("kafka", f"topic {name}", found, mend(settings, name, counts[name], wanted))
        else:
            right += 1
    if right == len(expected):
        yield good("kafka", "topics", f"{right}, with {wanted} partitions each")


def _replicas(metadata: Any, names: Mapping[str, Any]) -> Iterator[Finding]:
    partitions = {(name, number): part for name in names for number, part in metadata.topics[name].partitions.items()}
    leaderless = [f"{name}:{number}" for (name, number), part in partitions.items() if part.leader == -1]
    single = sorted({name for (name, _), part in partitions.items() if len(part.replicas) == 1})
    if leaderless:
        found = f"{len(leaderless)} partitions have no leader, such as {leaderless[0]}"
        yield bad("kafka", "leaders", found, "start the brokers that are down")
    if single and len(metadata.brokers) > 1:
        found = f"one copy only, on one of {len(metadata.brokers)} brokers: {', '.join(single)}"
        copies = (
            "kafka-reassign-partitions.sh; and export HIGHLIGHTS_KAFKA__REPLICATION_FACTOR=3 for topics that are still to be made"
        )
        yield doubtful("kafka", "replicas", found, copies)


def _configs(settings: Settings, admin: AdminClient, expected: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
    if not expected:
        return
    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in expected], request_timeout=_TIMEOUT_S)
    found = {resource.name: {key: entry.value for key, entry in answer.result().items()} for resource, answer in asked.items()}
    wrong = 0
    for name, wanted in expected.items():
        for key, value, reason in _wrong_configs(settings, name, wanted, found[name]):
            wrong += 1
            setting = (
                f"kafka-configs.sh --bootstrap-server {settings.kafka.bootstrap_servers} --alter --entity-type topics "
                f"--entity-name {name} --add-config {key}={value}"
            )
            yield bad("kafka", f"topic {name}", f"{key} = {found[name][key]}: {reason}", setting)
    if not wrong:
        yield good("kafka", "settings of topics", "cleanup, sizes and retention fit")


def _wrong_configs(
    settings: Settings, name: str, wanted: Mapping[str, str], found: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Yield (name, value that is needed, reason) of each setting of a topic that does harm."""
    if wanted["cleanup.policy"] != found["cleanup.policy"]:
        harm = "what is still needed is deleted" if "compact" in wanted["cleanup.policy"] else "events with the same key are lost"
        yield "cleanup.policy", wanted["cleanup.policy"], harm
    if int(found["max.message.bytes"]) < int(wanted["max.message.bytes"]):
        yield "max.message.bytes", wanted["max.message.bytes"], "larger messages are valid, and would be refused"
    window_ms, kept_ms = int(settings.statistics.session_window_hours * 3_600_000), int(found["retention.ms"])
    if name == topic_name(settings.kafka, INTERACTIONS) and kept_ms != _KEEPS_FOR_EVER and kept_ms < window_ms:
        reason = "less than HIGHLIGHTS_STATISTICS__SESSION_WINDOW_HOURS: what counts still can be gone before it is read"
        yield "retention.ms", str(max(window_ms, int(wanted["retention.ms"]))), reason


def _group(settings: Settings, admin: AdminClient) -> Finding:
    name = settings.group
    members = admin.describe_consumer_groups([name], request_timeout=_TIMEOUT_S)[name].result().members
    if not members:
        return doubtful("kafka", f"group {name}", "no worker is in it", "`highlights worker`")
    return good("kafka", f"group {name}", f"{len(members)} workers")


def _clock(admin: AdminClient, source: str, partitions: int, now_ms: int) -> Finding:
    asked = admin.list_offsets(dict.fromkeys(partitions_of(source, partitions), OffsetSpec.max_timestamp()))
    ahead_ms = max(answer.result(_TIMEOUT_S).timestamp for answer in asked.values()) - now_ms
    if ahead_ms > _TOLERATED_SKEW_MS:
        found = f"the newest interaction is stamped {ahead_ms / 1000:,.0f} s after this machine's time"
        return doubtful(
            "kafka", "clock", found, "set the clocks by NTP, here (`timedatectl set-ntp true`) and where events are sent"
        )
    return good("kafka", "clock", "no interaction is stamped after this machine's time")
