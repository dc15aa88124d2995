"""What must hold when a system is quiet: the audit finds nothing, every message is accounted for, every dead letter is there."""

from schemas.dead_letters import HEADER_PREFIX
from schemas.topics import DEAD_LETTERS, INTERACTIONS
from streams.kafka import topic_name
from streams.reading import read
from streams.recompute import recompute
from streams.recovery import recover
from streams.settings import Settings
from tests.integration.running import System
from tests.streams.world import session_records


def faults_of(system: System, sent: int) -> list[str]:
    """Return what is wrong; nothing when all is well."""
    result = system.settled_audit()
    wrong = [str(difference) for part in result.partitions for difference in part.shown]
    consumed = sum(part.consumed + part.missing for part in result.partitions)
    if consumed != sent:
        wrong.append(f"{sent} messages sent, {consumed} consumed")
    wrong += [f"partition {part.partition}: {part.in_flight} rows stay in flight" for part in result.partitions if part.in_flight]
    buried = {(part.partition, sum(part.dead_letters.values())) for part in result.partitions}
    letters = _letters(system.settings, system.partitions)
    return wrong + [
        f"partition {partition}: {count} dead letters in the ledger, {len(letters[partition])} messages in the topic"
        for partition, count in sorted(buried)
        if count != len(letters[partition])
    ]


def wrong_sessions(system: System) -> list[str]:
    """Return the partitions whose session records are not those of a batch computation: they decide what comes later."""
    wrong = []
    for partition in range(system.partitions):
        stored = recover(system.settings, partition, system.partitions)
        expected = recompute(
            system.settings,
            partition,
            system.partitions,
            excluded=stored.excluded,
            first_offset=max(0, stored.ledger.first_offset),
            until=stored.ledger,
        )
        if session_records(stored) != session_records(expected):
            wrong.append(f"partition {partition}: session records differ")
    return wrong


def _letters(settings: Settings, partitions: int) -> list[list[bytes]]:
    """Return, for each partition, the source offsets in dead letters; one that is there twice counts twice."""
    topic, source = (topic_name(settings.kafka, name) for name in (DEAD_LETTERS, INTERACTIONS))
    letters: list[list[bytes]] = [[] for _ in range(partitions)]
    for partition in range(partitions):
        for messages in read(settings.kafka, topic, partition):
            for facts in (dict(message.headers() or ()) for message in messages):
                if facts[f"{HEADER_PREFIX}topic"] == source.encode():
                    letters[partition].append(facts[f"{HEADER_PREFIX}offset"])
    return letters
