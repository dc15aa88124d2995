"""The audit: is what the workers did what a batch computation over the same topics gives, to the bit?

For each partition it reads the changelog, which says how far the state is applied, computes the state anew from the source
up to there, and compares: counts with counts, state with state, and ClickHouse's rows with the rows that the computed state
gives. It may run beside workers: rows that are ahead of the ledger it read are counted as in flight, not compared.
"""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, Message, TopicPartition
from numpy.typing import NDArray
from pydantic import BaseModel

from schemas.errors import StateError
from schemas.topics import INTERACTIONS, SUPERVISED_SCORES
from scoring.statistics.partition import ClipSelection
from streams.changelog import Ledger
from streams.chunks import Chunk
from streams.kafka import changelog_name, connection, topic_name
from streams.rows import clip_score_rows
from streams.settings import Settings
from streams.state import PartitionState, StateKey

_BATCH = 50_000
_FETCH = 2_000
_FETCH_WAIT_S = 0.2
_IDLE_S = 10.0
_SHOWN = 20
_STATE_COLUMNS = ("era", "counts", "decayed", "latest_ms", "changed_offset", "score_mean", "score_sd", "celebrity")
_UNCOMPARED = {"published_at"}
_OF_SUPERVISED = {"supervised_offset", "version"}
"""Not compared where there is no supervised score: compaction may have removed the message that withdrew it."""


class Difference(BaseModel):
    """One thing that is not what it should be."""

    what: str
    expected: str
    found: str


class PartitionAudit(BaseModel):
    """What the audit found in one partition."""

    partition: int
    first_offset: int
    applied_offset: int
    consumed: int
    applied: int
    duplicates: int
    dead_letters: dict[str, int]
    missing: int
    clips: int
    """Rows that ClickHouse should hold."""
    in_flight: int
    """Rows of ClickHouse that are newer than the ledger."""
    differences: int
    shown: list[Difference]
    """The first of the differences."""


class Audit(BaseModel):
    """The whole audit."""

    partitions: list[PartitionAudit]

    @property
    def differences(self) -> int:
        """Number of differences in all partitions."""
        return sum(partition.differences for partition in self.partitions)


def audit(settings: Settings, client: Client, partitions: int) -> Audit:
    """Audit all partitions.

    Raises:
        StateError: a partition cannot be judged, since the source does not hold its beginning any more.
    """
    return Audit(partitions=[_audit_partition(settings, client, partition, partitions) for partition in range(partitions)])


def _audit_partition(settings: Settings, client: Client, partition: int, partitions: int) -> PartitionAudit:
    found = _stored_state(settings, partition, partitions)
    expected = recompute(settings, partition, partitions, found.ledger)
    rows = clip_score_rows(expected.statistics, _known_clips(expected))
    differences = [*_compare_ledgers(expected.ledger, found.ledger), *_compare_states(expected, found)]
    row_differences, in_flight = _compare_rows(client, rows, found.ledger)
    differences += row_differences
    ledger = found.ledger
    return PartitionAudit(
        partition=partition,
        first_offset=ledger.first_offset,
        applied_offset=ledger.applied_offset,
        consumed=ledger.consumed,
        applied=ledger.applied,
        duplicates=ledger.duplicates,
        dead_letters=ledger.dead_letters,
        missing=ledger.missing,
        clips=len(rows),
        in_flight=in_flight,
        differences=len(differences),
        shown=differences[:_SHOWN],
    )


def _stored_state(settings: Settings, partition: int, partitions: int) -> PartitionState:
    """Return the state that a worker would recover now."""
    state = PartitionState(partition, partitions, StateKey.of(settings))
    for message in _read(settings, changelog_name(settings.worker.group), partition, 0, None):
        state.recover(message.key(), message.value())
    state.finish_recovery()
    return state


def recompute(settings: Settings, partition: int, partitions: int, ledger: Ledger) -> PartitionState:
    """Return the state of a partition computed from its topics up to a ledger's offsets.

    Raises:
        StateError: the source does not hold its beginning any more.
    """
    state = PartitionState(partition, partitions, StateKey.of(settings))
    source, supervised = topic_name(settings.kafka, INTERACTIONS), topic_name(settings.kafka, SUPERVISED_SCORES)
    for chunk in _chunks(settings, supervised, partition, 0, ledger.supervised_offset):
        state.apply_supervised(chunk)
    for chunk in _chunks(settings, source, partition, max(0, ledger.first_offset), ledger.applied_offset):
        if state.ledger.first_offset < 0 and chunk.offsets[0] != ledger.first_offset:
            message = (
                f"partition {partition} of {source} begins at offset {chunk.offsets[0]} now, its state at {ledger.first_offset}: "
                "what retention has deleted cannot be audited"
            )
            raise StateError(message)
        state.advance(chunk)
        state.take_flush()
    return state


def _chunks(settings: Settings, topic: str, partition: int, first: int, last: int) -> Iterator[Chunk]:
    batch: list[Message] = []
    for message in _read(settings, topic, partition, first, last):
        batch.append(message)
        if len(batch) == _BATCH:
            yield _chunk(topic, partition, batch)
            batch = []
    if batch:
        yield _chunk(topic, partition, batch)


def _chunk(topic: str, partition: int, messages: list[Message]) -> Chunk:
    count = len(messages)
    return Chunk(
        topic,
        partition,
        [message.value() for message in messages],
        [message.key() for message in messages],
        [message.headers() or () for message in messages],
        np.fromiter((message.offset() for message in messages), np.int64, count),
        np.fromiter((message.timestamp()[1] for message in messages), np.int64, count),
    )


def _read(settings: Settings, topic: str, partition: int, first: int, last: int | None) -> Iterator[Message]:
    """Yield the messages of a partition from offset `first` to `last`, or to its present end."""
    config = {"group.id": f"{settings.worker.group}-audit", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    consumer = Consumer(connection(settings.kafka) | config | {"log_level": 0, "fetch.message.max.bytes": 16 << 20})
    try:
        begin, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)
        end = end if last is None else min(end, last + 1)
        at = max(first, begin)
        consumer.assign([TopicPartition(topic, partition, at)])
        moved = time.monotonic()
        while at < end and time.monotonic() - moved < _IDLE_S:
            for message in consumer.consume(_FETCH, timeout=_FETCH_WAIT_S):
                if message.error() is None and message.offset() < end:
                    yield message
            position = consumer.position([TopicPartition(topic, partition)])[0].offset
            if position > at:
                at, moved = position, time.monotonic()
    finally:
        consumer.close()


def _known_clips(state: PartitionState) -> ClipSelection:
    """Return the clips that were watched or scored."""
    pages, clips = state.statistics.pages, state.statistics.all_clips()
    known = (pages.latest_ms[clips.row, clips.clip] >= 0) | ~np.isnan(pages.score_mean[clips.row, clips.clip])
    return ClipSelection(clips.row[known], clips.clip[known])


def _compare_ledgers(expected: Ledger, found: Ledger) -> list[Difference]:
    differences = []
    for name in (
        "applied_offset",
        "consumed",
        "applied",
        "duplicates",
        "searching",
        "dead_letters",
        "consecutive_dead_letters",
        "missing",
        "newest_ms",
        "prior",
    ):
        wanted, is_now = getattr(expected, name), getattr(found, name)
        if wanted != is_now:
            differences.append(Difference(what=f"ledger: {name}", expected=str(wanted), found=str(is_now)))
    accounted = found.applied + found.duplicates + sum(found.dead_letters.values())
    if accounted != found.consumed:
        what = "ledger: applied + duplicates + dead letters"
        differences.append(Difference(what=what, expected=str(found.consumed), found=str(accounted)))
    return differences


def _compare_states(expected: PartitionState, found: PartitionState) -> Iterator[Difference]:
    """Yield the pages whose statistics differ."""
    wanted, stored = _pages_by_key(expected), _pages_by_key(found)
    for key in sorted(wanted.keys() | stored.keys()):
        if key not in stored or key not in wanted:
            known, name = (wanted, "missing") if key in wanted else (stored, "there")
            if _is_empty(known[key]):
                continue
            yield Difference(what=f"state: page {key:#x}", expected="there" if name == "missing" else "none", found=name)
            continue
        for column in _STATE_COLUMNS:
            if wanted[key][column].tobytes() != stored[key][column].tobytes():
                where = f"state: page {key:#x}, {column}"
                yield Difference(what=where, expected=_short(wanted[key][column]), found=_short(stored[key][column]))


def _pages_by_key(state: PartitionState) -> dict[int, NDArray[np.void]]:
    pages = state.statistics.pages
    records = pages.records(np.arange(int(pages.size[0])))
    return {int(record["key"]): record for record in records}


def _is_empty(page: NDArray[np.void]) -> bool:
    return bool((page["latest_ms"] < 0).all() and np.isnan(page["score_mean"]).all())


def _short(value: Any) -> str:
    return np.array2string(np.asarray(value).ravel(), threshold=8, edgeitems=4)


def _compare_rows(client: Client, rows: pa.Table, ledger: Ledger) -> tuple[list[Difference], int]:
    """Compare the rows that should be there with those that are; return differences, and the number of newer rows."""
    names = [name for name in rows.column_names if name not in _UNCOMPARED]
    query = f"SELECT {', '.join(names)} FROM fused_scores WHERE source_partition = {{partition:UInt32}}"
    table = client.query_arrow(query, parameters={"partition": ledger.partition}, use_strings=True)
    wanted = {(row["video_id"], row["clip_index"]): row for row in rows.to_pylist()}
    differences, in_flight = [], 0
    for row in table.to_pylist():
        clip = (row["video_id"], row["clip_index"])
        should_be = wanted.pop(clip, None)
        if (
            row["source_offset"] > ledger.applied_offset
            or row["supervised_offset"] > ledger.supervised_offset
            or row["prior_offset"] > ledger.prior.fitted_offset
        ):
            in_flight += 1
        elif should_be is None:
            if row["exposures"] or row["supervised_score"] is not None:
                differences.append(Difference(what=_clip_name(clip), expected="no row", found="a row"))
        else:
            differences += _compare_row(clip, should_be, row)
    differences += [Difference(what=_clip_name(clip), expected="a row", found="no row") for clip in wanted]
    return differences, in_flight


def _compare_row(clip: tuple[str, int], expected: dict[str, Any], found: dict[str, Any]) -> Iterator[Difference]:
    for name, wanted in expected.items():
        if name in _OF_SUPERVISED and expected["supervised_score"] is None:
            continue
        if wanted != found[name]:
            yield Difference(what=f"{_clip_name(clip)}, {name}", expected=str(wanted), found=str(found[name]))


def _clip_name(clip: tuple[str, int]) -> str:
    return f"ClickHouse: {clip[0]}:{clip[1]}"
