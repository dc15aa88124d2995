"""The state of one partition: its statistics and its ledger, how chunks change them, and what a flush takes of them."""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import ValidationError

from schemas.columns import decode
from schemas.dead_letters import Reason, Rejection, headers_of, rejection_of
from schemas.errors import StateError
from schemas.hashing import hash_key
from schemas.supervised import SupervisedOutput
from scoring.statistics import aggregation
from scoring.statistics.aggregation import Rules
from scoring.statistics.partition import PartitionStatistics, next_fit_after
from scoring.statistics.sessions import BUCKETS
from streams import changelog, metrics
from streams.changelog import Ledger, LedgerPrior
from streams.chunks import Chunk
from streams.rows import clip_score_rows, prior_rows, supervised_rows
from streams.settings import Settings


class StateKey(NamedTuple):
    """What a state's numbers depend on, besides its source: only state made under the same is read again."""

    rules: Rules
    hash_key: NDArray[np.uint64]
    max_message_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what state made under these settings depends on."""
        statistics = settings.statistics
        rules = Rules(
            half_life_ms=int(statistics.half_life_hours * 3_600_000),
            session_window_ms=int(statistics.session_window_hours * 3_600_000),
            max_clock_skew_ms=int(statistics.max_clock_skew_minutes * 60_000),
        )
        secret = blake2b(settings.hash_secret.get_secret_value().encode(), digest_size=16).digest()
        return cls(rules, hash_key(secret), settings.worker.max_message_bytes)

    @property
    def fingerprint(self) -> str:
        """A short text that differs when any of it does."""
        content = repr((tuple(self.rules), self.hash_key.tolist(), self.max_message_bytes))
        return blake2b(content.encode(), digest_size=8).hexdigest()


class DeadLetter(NamedTuple):
    """A message that could not be applied, as it is sent to the dead letters topic."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True)
class Flush:
    """All that one flush of a partition writes, taken at one moment between two chunks."""

    partition: int
    clip_scores: pa.Table
    supervised: pa.Table
    prior: pa.Table
    dead_letters: list[DeadLetter]
    records: list[tuple[bytes, bytes | None]]
    """Changelog records that come before the ledger."""
    ledger: Ledger


@dataclass
class PartitionState:
    """State of one partition."""

    partition: int
    partitions: int
    key: StateKey
    statistics: PartitionStatistics = field(init=False)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        """Start empty."""
        self.statistics = PartitionStatistics(self.partition, self.partitions, self.key.rules, self.key.hash_key)
        self.ledger = Ledger(
            partition=self.partition,
            partitions=self.partitions,
            fingerprint=self.key.fingerprint,
            prior=LedgerPrior.of(self.statistics.prior),
        )
        self._segments: dict[bytes, NDArray[np.void]] = {}
        self._segment_keys: set[bytes] = set()
        self._dead_letters: list[DeadLetter] = []
        self._supervised: list[tuple[int, SupervisedOutput]] = []
        self._touched = False
        self._prior_is_new = True

    # Recovery

    def recover(self, key: bytes, value: bytes | None) -> None:
        """Take one record of the changelog."""
        kind = key[:1]
        if kind == changelog.PAGE and value is not None:
            video_id, page = changelog.read_page(value)
            self.statistics.put_page(video_id, page)
        elif kind == changelog.SEGMENT:
            self._recover_segment(key, value)
        elif kind == changelog.LEDGER and value is not None:
            self.ledger = changelog.read_ledger(value)

    def _recover_segment(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self._segments.pop(key, None)
            self._segment_keys.discard(key)
        else:
            self._segments[key] = changelog.read_segment(key, value)[1]
            self._segment_keys.add(key)

    def finish_recovery(self) -> None:
        """Make the statistics stand where the ledger says.

        Raises:
            StateError: the state was made under other rules, or for another number of partitions.
        """
        self._check_ledger()
        statistics, ledger = self.statistics, self.ledger
        statistics.prior = ledger.prior.to_prior()
        statistics.clock.newest_ms[0] = ledger.newest_ms
        statistics.clock.searching[0] = ledger.searching
        valid = sorted(key for key in self._segments if changelog.segment_number(key) <= ledger.segment)
        for key in valid:
            records = self._segments[key]
            statistics.sessions = statistics.sessions.with_room(len(records), statistics.forget_before_ms)
            statistics.sessions.put(records)
        self._segments.clear()

    def _check_ledger(self) -> None:
        ledger = self.ledger
        if ledger.partitions != self.partitions:
            message = (
                f"the state of partition {self.partition} was made with {ledger.partitions} partitions, "
                f"the source has {self.partitions} now"
            )
        elif ledger.fingerprint != self.key.fingerprint:
            message = (
                f"the state of partition {self.partition} was made under other HIGHLIGHTS_STATISTICS__* rules, another "
                "HIGHLIGHTS_HASH_SECRET or another HIGHLIGHTS_WORKER__MAX_MESSAGE_BYTES"
            )
        else:
            return
        message += ": set them back, or start a new state with another HIGHLIGHTS_WORKER__GROUP"
        raise StateError(message)

    # Chunks

    @property
    def next_fit_offset(self) -> int:
        """Source offset before which the prior is to be fitted next."""
        return next_fit_after(self.statistics.prior.fitted_offset)

    def advance(self, chunk: Chunk) -> None:
        """Apply a chunk of interactions, fitting the prior where that is due. Batch computation; a worker flushes at each fit."""
        while chunk.values:
            fit = self.next_fit_offset
            end = int(chunk.offsets.searchsorted(fit))
            self.apply_interactions(chunk.part(0, end))
            if end < len(chunk.values):
                self.refit(fit)
            chunk = chunk.part(end, len(chunk.values))

    def apply_interactions(self, chunk: Chunk) -> NDArray[np.int64]:
        """Apply a chunk of interactions, skipping what was applied before; return the number of rows by fate."""
        chunk = chunk.part(int(np.searchsorted(chunk.offsets, self.ledger.applied_offset, side="right")), len(chunk.values))
        if not chunk.values:
            return np.zeros(aggregation.WAITING, np.int64)
        columns, rejections = decode(chunk.values, self.key.hash_key, self.key.max_message_bytes)
        fates = self.statistics.apply(columns, chunk.offsets, chunk.timestamps_ms)
        for row in np.flatnonzero(fates >= aggregation.REJECTED).tolist():
            rejection = rejections.get(row) or self._rejection_of_fate(int(fates[row]), columns.occurred_at_ms[row])
            self._bury(chunk, row, rejection)
            reason = rejection.reason.value
            self.ledger.dead_letters[reason] = self.ledger.dead_letters.get(reason, 0) + 1
            metrics.DEAD_LETTERS.labels(reason).inc()
        counts = np.bincount(fates, minlength=aggregation.WAITING)
        self._account(chunk, counts)
        self._count_consecutive(fates)
        return counts

    def _account(self, chunk: Chunk, counts: NDArray[np.int64]) -> None:
        ledger, messages = self.ledger, len(chunk.values)
        if ledger.first_offset < 0:
            ledger.first_offset = int(chunk.offsets[0])
        else:
            ledger.missing += int(chunk.offsets[0]) - ledger.applied_offset - 1
        ledger.missing += int(chunk.offsets[-1] - chunk.offsets[0]) + 1 - messages
        ledger.applied_offset = int(chunk.offsets[-1])
        ledger.consumed += messages
        ledger.applied += int(counts[aggregation.APPLIED])
        ledger.duplicates += int(counts[aggregation.DUPLICATE])
        ledger.searching = int(self.statistics.clock.searching[0])
        ledger.newest_ms = int(self.statistics.clock.newest_ms[0])
        self._touched = True

    def _count_consecutive(self, fates: NDArray[np.uint8]) -> None:
        good = np.flatnonzero(fates < aggregation.REJECTED)
        if len(good):
            self.ledger.consecutive_dead_letters = len(fates) - 1 - int(good[-1])
        else:
            self.ledger.consecutive_dead_letters += len(fates)

    def _rejection_of_fate(self, fate: int, occurred_at_ms: int) -> Rejection:
        rules = self.key.rules
        if fate == aggregation.TOO_LATE:
            detail = (
                f"occurred_at_ms = {occurred_at_ms}: more than {rules.session_window_ms} ms behind the partition's newest event; "
                "a longer HIGHLIGHTS_STATISTICS__SESSION_WINDOW_HOURS would take it"
            )
            return Rejection(Reason.TOO_LATE, detail)
        if fate == aggregation.CLOCK_AHEAD:
            detail = (
                f"occurred_at_ms = {occurred_at_ms}: more than {rules.max_clock_skew_ms} ms ahead of the broker's stamp; "
                "correct the sender's clock"
            )
            return Rejection(Reason.CLOCK_AHEAD, detail)
        return self._wrong_partition()

    def _wrong_partition(self) -> Rejection:
        detail = f"its video_id belongs to another partition than {self.partition}: partition by murmur2 of video_id"
        return Rejection(Reason.WRONG_PARTITION, detail)

    def _bury(self, chunk: Chunk, row: int, rejection: Rejection) -> None:
        offset, stamp = int(chunk.offsets[row]), int(chunk.timestamps_ms[row])
        headers = [*chunk.headers[row], *headers_of(rejection, chunk.topic, chunk.partition, offset, stamp)]
        self._dead_letters.append(DeadLetter(chunk.partition, chunk.keys[row], chunk.values[row], headers))

    def apply_supervised(self, chunk: Chunk) -> None:
        """Cache a chunk of supervised outputs. Messages that were cached before are skipped."""
        for row in np.flatnonzero(chunk.offsets > self.ledger.supervised_offset).tolist():
            offset, value = int(chunk.offsets[row]), chunk.values[row]
            self._touched = True
            self.ledger.supervised_offset = offset
            try:
                output = _withdrawal(chunk.keys[row]) if value is None else SupervisedOutput.model_validate_json(value)
            except ValidationError as error:
                self._bury(chunk, row, rejection_of(error))
                continue
            if self._is_ours(output.video_id):
                self._cache(output, offset)
            else:
                self._bury(chunk, row, self._wrong_partition())

    def _is_ours(self, video_id: str) -> bool:
        raw = np.frombuffer(video_id.encode(), np.uint8)
        return bool(aggregation.partition_of(raw, 0, len(raw), self.partitions) == self.partition)

    def _cache(self, output: SupervisedOutput, offset: int) -> None:
        values = [(clip.score_mean, clip.score_sd, np.nan if clip.celebrity is None else clip.celebrity) for clip in output.clips]
        self.statistics.cache_supervised(
            output.video_id.encode(),
            np.array([clip.clip_index for clip in output.clips], np.int64),
            np.array(values, np.float32).reshape(-1, 3).T,
            offset,
        )
        self._supervised.append((offset, output))

    # Flush

    def refit(self, offset: int) -> None:
        """Fit the prior to all interactions before `offset`; the next flush publishes all that it changes."""
        self.statistics.refit(offset)
        self._prior_is_new = True
        self.ledger.prior = LedgerPrior.of(self.statistics.prior)
        self._touched = True

    def take_flush(self) -> Flush | None:
        """Return what is to be written, and count it as written; None when there is nothing."""
        if not self._touched:
            return None
        self._touched = False
        statistics, pages = self.statistics, self.statistics.pages
        clips = statistics.dirty_clips()
        scores = clip_score_rows(statistics, clips)
        pages.dirty[: int(pages.size[0])] = 0
        records = self._page_records() + self._segment_records()
        dead_letters, self._dead_letters = self._dead_letters, []
        supervised, self._supervised = self._supervised, []
        prior = prior_rows(self.partition, statistics.prior).slice(0, None if self._prior_is_new else 0)
        self._prior_is_new = False
        ledger = self.ledger.model_copy(deep=True)
        return Flush(self.partition, scores, supervised_rows(supervised), prior, dead_letters, records, ledger)

    def _page_records(self) -> list[tuple[bytes, bytes | None]]:
        pages, size = self.statistics.pages, int(self.statistics.pages.size[0])
        rows = np.flatnonzero(pages.changed[:size])
        pages.changed[rows] = False
        video_ids = self.statistics.video_ids
        return [changelog.page_record(video_ids[int(page["video"])], page) for page in pages.records(rows)]

    def _segment_records(self) -> list[tuple[bytes, bytes | None]]:
        """Return the new segment and the deletion of those that it makes superfluous."""
        statistics, sessions = self.statistics, self.statistics.sessions
        self.ledger.segment += 1
        number = self.ledger.segment
        new = changelog.segment_records(number, sessions.take_segment(number % BUCKETS, statistics.forget_before_ms))
        kept = {key for key, _ in new}
        needed = range(number - BUCKETS, number)
        old = [key for key in self._segment_keys - kept if changelog.segment_number(key) not in needed]
        self._segment_keys = (self._segment_keys | kept).difference(old)
        return [*((key, None) for key in sorted(old)), *new]


def _withdrawal(key: bytes | None) -> SupervisedOutput:
    """Return what a message without a value says: nothing more is known of the video that its key names."""
    video_id = (key or b"").decode(errors="replace")
    return SupervisedOutput(schema_version=1, video_id=video_id, model_version="withdrawn", clips=())
