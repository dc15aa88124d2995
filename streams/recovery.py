"""State as the changelog holds it."""

from collections.abc import Mapping

from schemas.errors import StateError
from scoring.statistics.partition import RankerState
from streams import changelog
from streams.kafka import changelog_name
from streams.ledger import Ledger
from streams.reading import read
from streams.settings import Settings
from streams.state import PartitionState, fusion_state
from streams.state_key import StateKey


def recover(settings: Settings, partition: int, partitions: int) -> PartitionState:
    """Return the state of a partition, as its newest flush left it.

    Raises:
        StateError: the changelog is not whole, or the state was made under other rules.
        DeliveryError: Kafka does not answer.
    """
    return state_of(read_records(settings, partition), partition, partitions, StateKey.of(settings))


def read_records(settings: Settings, partition: int) -> dict[bytes, bytes]:
    """Return the newest value of each key of a partition's changelog."""
    records: dict[bytes, bytes] = {}
    for messages in read(settings.kafka, changelog_name(settings.group), partition):
        for message in messages:
            value = message.value()
            if value is None:
                records.pop(message.key(), None)
            else:
                records[message.key()] = value
    return records


def state_of(records: Mapping[bytes, bytes], partition: int, partitions: int, key: StateKey) -> PartitionState:
    """Return the state that a changelog's records hold; an empty one where there are none.

    Raises:
        StateError: see `recover`.
    """
    if not records:
        return PartitionState(partition, partitions, key)
    if changelog.LEDGER not in records:
        raise _damaged(partition, "its ledger is missing")
    ledger = changelog.read_ledger(records[changelog.LEDGER])
    _check_origin(ledger, partitions, key)
    if ledger.records is not None and len(records) - 1 != ledger.records:
        raise _damaged(partition, f"it holds {len(records) - 1} records and its ledger counts {ledger.records}")
    excluded = frozenset(changelog.read_exclusion(name) for name in records if name[:1] == changelog.EXCLUSION)
    state = PartitionState(partition, partitions, key, excluded)
    state.ledger = ledger
    _put_pages(state, [value for name, value in records.items() if name[:1] == changelog.PAGE])
    statistics = state.statistics
    statistics.prior = ledger.prior.to_prior()
    statistics.ranker = RankerState(ledger.ranker_release, ledger.ranker_offset)
    statistics.fusion = fusion_state(ledger.fusion, ledger.fusion_offset)
    statistics.clock.newest_ms[0], statistics.clock.searching[0] = ledger.newest_ms, ledger.searching
    _put_sessions(state, {name: value for name, value in records.items() if name[:1] == changelog.SEGMENT})
    state.take_as_written()
    return state


def _put_pages(state: PartitionState, values: list[bytes]) -> None:
    video_ids, pages = changelog.read_pages(values)
    newest, applied = int(pages["changed_offset"].max(initial=-1)), state.ledger.applied_offset
    if newest > applied:
        raise _damaged(state.partition, f"a page is at source offset {newest}, its ledger at {applied}")
    state.statistics.put_pages(video_ids, pages)


def _put_sessions(state: PartitionState, segments: Mapping[bytes, bytes]) -> None:
    statistics = state.statistics
    newest = max(map(changelog.segment_number, segments), default=0)
    if newest != state.ledger.segment:
        raise _damaged(state.partition, f"its newest segment of sessions is {newest}, its ledger's {state.ledger.segment}")
    for key in sorted(segments):
        records = changelog.read_segment(segments[key])
        statistics.sessions = statistics.sessions.with_room(len(records), statistics.forget_before_ms)
        statistics.sessions.put(records)
    state.changes.segment_keys = set(segments)


def _check_origin(ledger: Ledger, partitions: int, key: StateKey) -> None:
    if ledger.partitions != partitions:
        message = (
            f"the state of partition {ledger.partition} was made with {ledger.partitions} partitions, "
            f"the source has {partitions} now"
        )
    elif ledger.fingerprint != key.fingerprint:
        message = (
            f"the state of partition {ledger.partition} was made under other HIGHLIGHTS_STATISTICS__* rules, another "
            "HIGHLIGHTS_HASH_SECRET or another HIGHLIGHTS_WORKER__MAX_MESSAGE_BYTES"
        )
    else:
        return
    message += ": set them back, or compute the state again with `highlights worker --rebuild`"
    raise StateError(message)


def _damaged(partition: int, what: str) -> StateError:
    return StateError(
        f"the changelog of partition {partition} is damaged: {what}. Compute the state again with `highlights worker --rebuild`"
    )
