"""State: whether each partition's changelog can be read under these settings, and where it stands in the source."""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

from confluent_kafka import Consumer

from schemas.errors import StateError
from schemas.topics import INTERACTIONS
from streams.dead_letter_limits import exceeded
from streams.doctor.finding import Finding, bad, doubtful, good
from streams.kafka import changelog_name, connection, partition_counts, partitions_of, topic_name
from streams.recovery import recover
from streams.settings import Settings
from streams.state import PartitionState

_TIMEOUT_S: Final = 10.0
_REBUILD: Final = "stop the workers, then `highlights worker --rebuild`"


def check_state(settings: Settings) -> Iterator[Finding]:
    """Yield what there is to say of each partition's state.

    Raises:
        ConfigurationError, DeliveryError, KafkaException: Kafka cannot be asked.
    """
    source, counts = topic_name(settings.kafka, INTERACTIONS), partition_counts(settings.kafka, _TIMEOUT_S)
    if source not in counts or changelog_name(settings.group) not in counts:
        return
    ends = _ends(settings, source, counts[source])
    for partition, (first, end) in enumerate(ends):
        try:
            yield from _judge(settings, recover(settings, partition, len(ends)), first, end)
        except StateError as error:
            yield bad("state", f"partition {partition}", str(error))


def _ends(settings: Settings, source: str, partitions: int) -> list[tuple[int, int]]:
    """Return (first offset that is kept, next offset to be written) of each partition."""
    with closing(Consumer(connection(settings.kafka) | {"group.id": "unused", "log_level": 0})) as consumer:
        return [consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S) for place in partitions_of(source, partitions)]


def _judge(settings: Settings, state: PartitionState, first: int, end: int) -> Iterator[Finding]:
    ledger, name = state.ledger, f"partition {state.partition}"
    next_offset = ledger.applied_offset + 1
    if next_offset > end:
        found = f"applied up to offset {ledger.applied_offset}, and the source ends at {end}: it was deleted and made again"
        yield bad("state", name, found, _REBUILD)
        return
    if ledger.applied_offset >= 0 and next_offset < first:
        found = f"offsets {next_offset} to {first - 1} were deleted before they were applied: retention was too short"
        yield bad("state", name, found, "start a worker at once, and raise the source's retention.ms")
    if reason := exceeded(ledger, settings.worker):
        yield bad("state", name, reason)
        return
    found = f"{ledger.consumed:,} interactions applied, {end - max(next_offset, first):,} wait"
    if 0 <= ledger.first_offset < first:
        found += "; the topic holds its beginning no more: no audit computes it anew, and exclusions hold from now on"
    if ledger.missing:
        mend = "compare with the sender; a transaction's markers count too"
        yield doubtful("state", name, f"{found}, {ledger.missing:,} offsets were never there", mend)
    else:
        yield good("state", name, found)
