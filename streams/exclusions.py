"""The topic of exclusions: naming sessions and viewers whose interactions are to be passed over, and reading who is named."""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Message
from pydantic import TypeAdapter

from schemas.dead_letters import Rejection
from schemas.errors import ConfigurationError, ContractError
from schemas.exclusions import MAX_REASON_LENGTH, Excluded, Exclusion, ExclusionKind, judge
from schemas.hashing import hash_text
from schemas.limits import IDENTIFIER_PATTERN
from schemas.topics import EXCLUSIONS
from streams.adapters.moment import identifier as adapted
from streams.kafka import VerifiedProducer, topic_name
from streams.reading import read
from streams.settings import Settings
from streams.state_key import StateKey


class ListedExclusion(NamedTuple):
    """An exclusion that holds."""

    key: str
    reason: str
    excluded_at: datetime


def exclude(settings: Settings, partitions: int, excluded: Iterable[Excluded], reason: str) -> None:
    """Name sessions or viewers in every partition.

    Raises:
        ContractError: the reason is empty or too long.
        DeliveryError: Kafka did not take it.
    """
    if not 0 < len(reason) <= MAX_REASON_LENGTH:
        message = f"reason = {reason!r:.80}: 1 to {MAX_REASON_LENGTH} characters are taken"
        raise ContractError(message)
    exclusion = Exclusion(reason=reason, excluded_at_ms=time.time_ns() // 1_000_000)
    _send(settings, partitions, dict.fromkeys(excluded, exclusion.model_dump_json().encode()))


def readmit(settings: Settings, partitions: int, excluded: Iterable[Excluded]) -> None:
    """Take exclusions back in every partition.

    Raises:
        DeliveryError: Kafka did not take it.
    """
    _send(settings, partitions, dict.fromkeys(excluded))


def restore(settings: Settings, partitions: int, file: Path) -> list[Excluded]:
    """Name in every partition those of a list as `highlights exclusions list --json` prints it, as they were named; return them.

    Raises:
        ConfigurationError: the file is none.
        DeliveryError: Kafka did not take it.
    """
    try:
        messages = dict(map(_message, TypeAdapter(list[ListedExclusion]).validate_json(file.read_bytes())))
    except (OSError, ValueError, ContractError) as error:
        message = f"{file} is no list as `highlights exclusions list --json` prints it: {str(error).splitlines()[0]}"
        raise ConfigurationError(message) from error
    _send(settings, partitions, messages)
    return list(messages)


def _message(listed: ListedExclusion) -> tuple[Excluded, bytes]:
    who = Excluded.of_key(listed.key.encode())
    if isinstance(who, Rejection):
        raise ContractError(who.detail)
    exclusion = Exclusion(reason=listed.reason, excluded_at_ms=round(listed.excluded_at.timestamp() * 1000))
    return who, exclusion.model_dump_json().encode()


def _send(settings: Settings, partitions: int, messages: Mapping[Excluded, bytes | None]) -> None:
    producer, topic = VerifiedProducer(settings.kafka), topic_name(settings.kafka, EXCLUSIONS)
    for who, value in messages.items():
        for partition in range(partitions):
            producer.send(topic, key=who.key.encode(), value=value, partition=partition)
    producer.verify()


def hashed(settings: Settings, kind: ExclusionKind, identifier: str) -> Excluded:
    """Return an identifier as the system knows it.

    Raises:
        ContractError: no interaction can have it.
    """
    if not re.fullmatch(IDENTIFIER_PATTERN, identifier):
        text = identifier.encode(errors="backslashreplace").decode()
        hint = f"; of events of other systems `highlights adapt` makes {adapted(text, kind)!r}" if text else ""
        message = f"{kind} {text!r:.150}: an identifier is 1 to 128 of ASCII without space, quote and backslash{hint}"
        raise ContractError(message)
    return Excluded(kind, hash_text(identifier, StateKey.of(settings).hash_key))


def listed(settings: Settings) -> list[ListedExclusion]:
    """Return the exclusions that hold now, the oldest first."""
    newest = {message.key(): message.value() for message in _messages(settings, 0)}
    found = []
    for key, value in newest.items():
        if value is not None and isinstance(judge(key, value), Excluded):
            exclusion = Exclusion.model_validate_json(value)
            at = datetime.fromtimestamp(exclusion.excluded_at_ms / 1000, UTC)
            found.append(ListedExclusion(key.decode(), exclusion.reason, at))
    return sorted(found, key=lambda exclusion: exclusion.excluded_at)


def read_exclusions(settings: Settings, partition: int) -> tuple[frozenset[Excluded], int]:
    """Return who is excluded in a partition, and the offset of the last message that says so (-1 when there is none)."""
    excluded: set[Excluded] = set()
    offset = -1
    for message in _messages(settings, partition):
        offset = message.offset()
        who = judge(message.key(), message.value())
        if isinstance(who, Excluded):
            (excluded.discard if message.value() is None else excluded.add)(who)
    return frozenset(excluded), offset


def _messages(settings: Settings, partition: int) -> Iterator[Message]:
    for messages in read(settings.kafka, topic_name(settings.kafka, EXCLUSIONS), partition):
        yield from messages
