"""The audit: is what the workers did what a batch computation over the same topics gives, to the bit?

For each partition it reads the changelog, which says how far the state is applied, computes the state anew from the source
up to there, and compares: counts with counts, state with state, and ClickHouse's rows with the rows that the computed state
gives. It may run beside workers: rows that are ahead of the ledger it read are counted as in flight, not compared.

Where retention has deleted what the state began with, nothing can be computed anew: then ClickHouse's rows are compared with
those that the state gives, and the ledger with itself.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray
from pydantic import BaseModel

from schemas.clickhouse import SIGNAL_POINTS
from schemas.errors import StateError
from streams import clickhouse, garbage_collection
from streams.ledger import Ledger
from streams.recompute import recompute
from streams.recovery import recover
from streams.rows import clip_score_rows, epoch_of
from streams.settings import Settings
from streams.state import PartitionState

_SHOWN = 20
_STATE_COLUMNS = (
    "era",
    "counts",
    "decayed",
    "latest_ms",
    "changed_offset",
    "score_mean",
    "score_sd",
    "celebrity",
    "ranker_mean",
    "ranker_sd",
)
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
    excluded: int
    dead_letters: dict[str, int]
    missing: int
    clips: int
    """Rows that ClickHouse should hold."""
    in_flight: int
    """Rows of ClickHouse that are newer than the ledger, and rows that a state lacks there which has just replaced another."""
    differences: int
    shown: list[Difference]
    """The first of the differences."""
    is_recomputed: bool
    """Whether the state was compared with one computed anew; not where retention has deleted its beginning."""


class Audit(BaseModel):
    """The whole audit."""

    partitions: list[PartitionAudit]

    @property
    def differences(self) -> int:
        """Number of differences in all partitions."""
        return sum(partition.differences for partition in self.partitions)


def audit(settings: Settings, client: Client, partitions: int) -> Audit:
    """Audit all partitions."""
    garbage_collection.calm()
    return Audit(partitions=[_audit_partition(settings, client, partition, partitions) for partition in range(partitions)])


def _audit_partition(settings: Settings, client: Client, partition: int, partitions: int) -> PartitionAudit:
    found = recover(settings, partition, partitions)
    computed = _computed_anew(settings, found)
    expected = computed or found
    rows = clip_score_rows(expected.statistics, expected.statistics.known_clips(), found.ledger.epoch)
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
        excluded=ledger.excluded,
        dead_letters=ledger.dead_letters,
        missing=ledger.missing,
        clips=len(rows),
        in_flight=in_flight,
        differences=len(differences),
        shown=differences[:_SHOWN],
        is_recomputed=computed is not None,
    )


def _computed_anew(settings: Settings, found: PartitionState) -> PartitionState | None:
    """Return what the state should be; None where the source does not hold its beginning any more."""
    first_offset = max(0, found.ledger.first_offset)
    try:
        return recompute(
            settings, found.partition, found.partitions, excluded=found.excluded, first_offset=first_offset, until=found.ledger
        )
    except StateError:
        return None


def _compare_ledgers(expected: Ledger, found: Ledger) -> list[Difference]:
    differences = []
    for name in (
        "applied_offset",
        "consumed",
        "applied",
        "duplicates",
        "searching",
        "excluded",
        "dead_letters",
        "consecutive_dead_letters",
        "missing",
        "newest_ms",
        "ranker_release",
        "fusion",
        "prior",
    ):
        wanted, is_now = getattr(expected, name), getattr(found, name)
        if wanted != is_now:
            differences.append(Difference(what=f"ledger: {name}", expected=str(wanted), found=str(is_now)))
    accounted = found.applied + found.duplicates + found.excluded + sum(found.dead_letters.values())
    if accounted != found.consumed:
        what = "ledger: applied + duplicates + excluded + dead letters"
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
    return bool((page["latest_ms"] < 0).all() and np.isnan(page["score_mean"]).all() and np.isnan(page["ranker_mean"]).all())


def _short(value: Any) -> str:
    return np.array2string(np.asarray(value).ravel(), threshold=8, edgeitems=4)


def _compare_rows(client: Client, rows: pa.Table, ledger: Ledger) -> tuple[list[Difference], int]:
    """Compare the rows that should be there with those that are; return differences, and the number of newer rows."""
    query = "SELECT * FROM fused_scores WHERE source_partition = {partition:UInt32}"
    with clickhouse.telling("ClickHouse does not give the rows to compare"):
        table = client.query_arrow(query, parameters={"partition": ledger.partition}, use_strings=True)
    wanted = {(row["video_id"], row["clip_index"]): row for row in rows.to_pylist()}
    differences, in_flight = [], 0
    for row in table.to_pylist():
        clip = (row["video_id"], row["clip_index"])
        should_be = wanted.pop(clip, None)
        if (
            ledger.republish
            or row["source_offset"] > ledger.applied_offset
            or row["supervised_offset"] > ledger.supervised_offset
            or row["prior_offset"] > ledger.prior.fitted_offset
            or row["ranker_offset"] > ledger.ranker_offset
            or row["fusion_offset"] > ledger.fusion_offset
            or epoch_of(row["version"]) > ledger.epoch
        ):
            in_flight += 1
        elif should_be is None:
            differences.append(Difference(what=_clip_name(clip), expected="no row", found="a row"))
        else:
            differences += _compare_row(clip, should_be, row)
    if ledger.republish:
        return differences, in_flight + len(wanted)
    differences += [Difference(what=_clip_name(clip), expected="a row", found="no row") for clip in wanted]
    return differences, in_flight


def _compare_row(clip: tuple[str, int], expected: dict[str, Any], found: dict[str, Any]) -> Iterator[Difference]:
    tells_points = any(found[name] is not None for name in SIGNAL_POINTS)
    for name, wanted in expected.items():
        if name in _OF_SUPERVISED and expected["supervised_score"] is None:
            continue
        if name in SIGNAL_POINTS and not tells_points:
            continue  # a row of a version before these columns, which is not changed until its clip is
        if wanted != found[name]:
            yield Difference(what=f"{_clip_name(clip)}, {name}", expected=str(wanted), found=str(found[name]))


def _clip_name(clip: tuple[str, int]) -> str:
    return f"ClickHouse: {clip[0]}:{clip[1]}"
