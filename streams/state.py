"""The state of one partition: its statistics and its ledger, how chunks change them, and what a flush takes of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import ValidationError

from schemas.columns import decode
from schemas.dead_letters import Reason, Rejection, rejection_of
from schemas.exclusions import Excluded, ExclusionKind, judge
from schemas.fusion import FusionRelease, judge_fusion
from schemas.ranker import RankerScores, judge_ranker
from schemas.supervised import SupervisedOutput
from scoring.fusion import FUSION_VERSION
from scoring.learned_fusion.live import model_of
from scoring.statistics import aggregation
from scoring.statistics.exclusions import Exclusions
from scoring.statistics.pace import PaceWatch
from scoring.statistics.partition import FusionState, PartitionStatistics, RankerState, next_fit_after
from streams import changelog
from streams.changed_records import ChangedRecords
from streams.changelog import Record
from streams.chunks import Chunk
from streams.ledger import Ledger, LedgerPrior
from streams.letters import DeadLetter, dead_letter, rejection_of_fate, wrong_partition
from streams.rows import clip_score_rows, prior_rows, supervised_rows
from streams.state_key import StateKey


def exclusions_of(excluded: frozenset[Excluded]) -> Exclusions:
    """Return exclusions as the statistics want them."""
    return Exclusions.of(
        {identifier for kind, identifier in excluded if kind is ExclusionKind.SESSION},
        {identifier for kind, identifier in excluded if kind is ExclusionKind.VIEWER},
    )


@dataclass(frozen=True)
class Flush:
    """All that one flush of a partition writes, taken at one moment between two chunks."""

    partition: int
    clip_scores: pa.Table
    supervised: pa.Table
    prior: pa.Table
    dead_letters: list[DeadLetter]
    records: list[Record]
    """Of the changelog, the ledger's last."""
    ledger: Ledger
    oldest_ms: int | None
    """Kafka's oldest stamp of the interactions in it."""


@dataclass
class PartitionState:
    """State of one partition."""

    partition: int
    partitions: int
    key: StateKey
    excluded: frozenset[Excluded] = frozenset()
    """Whose interactions are passed over."""
    statistics: PartitionStatistics = field(init=False)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        """Start empty."""
        exclusions = exclusions_of(self.excluded)
        self.statistics = PartitionStatistics(self.partition, self.partitions, self.key.rules, self.key.hash_key, exclusions)
        self.ledger = Ledger(
            partition=self.partition,
            partitions=self.partitions,
            fingerprint=self.key.fingerprint,
            prior=LedgerPrior.of(self.statistics.prior),
        )
        self.changes = ChangedRecords(self.excluded)
        self.wanted = self.excluded
        """Who is to be excluded, by the topic of exclusions up to `wanted_offset`."""
        self.wanted_offset = -1
        self.watch: PaceWatch | None = None
        self.too_fast: list[int] = []
        """Hashes of sessions that `watch` has found."""
        self._dead_letters: list[DeadLetter] = []
        self._supervised: list[tuple[int, SupervisedOutput]] = []
        self._staged: dict[str, dict[bytes, RankerScores]] = {}
        """Scores of releases that are not complete yet, by release and video."""
        self._oldest_ms: int | None = None
        self._touched = False
        self._prior_is_new = True

    # Chunks

    def apply_interactions(self, chunk: Chunk) -> NDArray[np.int64]:
        """Apply a chunk of interactions, skipping what was applied before and fitting the prior where that is due.

        Returns:
            The number of rows by fate.
        """
        chunk = chunk.part(int(np.searchsorted(chunk.offsets, self.ledger.applied_offset, side="right")), len(chunk))
        counts = np.zeros(aggregation.WAITING, np.int64)
        while len(chunk):
            fit = next_fit_after(self.statistics.prior.fitted_offset)
            end = int(chunk.offsets.searchsorted(fit))
            counts += self._apply(chunk.part(0, end))
            if end < len(chunk):
                self.refit(fit)
            chunk = chunk.part(end, len(chunk))
        return counts

    def _apply(self, chunk: Chunk) -> NDArray[np.int64]:
        if not len(chunk):
            return np.zeros(aggregation.WAITING, np.int64)
        columns, rejections = decode(chunk.values, self.key.hash_key, self.key.max_message_bytes)
        fates = self.statistics.apply(columns, chunk.offsets, chunk.timestamps_ms)
        self.too_fast += self.watch.find(columns, fates) if self.watch else []
        for row in np.flatnonzero(fates >= aggregation.REJECTED).tolist():
            rejection = rejections.get(row) or rejection_of_fate(
                int(fates[row]), columns.occurred_at_ms[row], self.partition, self.key.rules
            )
            self._dead_letters.append(dead_letter(chunk, row, rejection))
            reason = rejection.reason.value
            self.ledger.dead_letters[reason] = self.ledger.dead_letters.get(reason, 0) + 1
        counts = self.ledger.count(chunk.offsets, fates)
        self.ledger.searching = int(self.statistics.clock.searching[0])
        self.ledger.newest_ms = int(self.statistics.clock.newest_ms[0])
        oldest_ms = int(chunk.timestamps_ms.min())
        self._oldest_ms = oldest_ms if self._oldest_ms is None else min(oldest_ms, self._oldest_ms)
        self._touched = True
        return counts

    def refit(self, offset: int) -> None:
        """Fit the prior to all interactions before `offset`; the next flush publishes all that it changes."""
        self.statistics.refit(offset)
        self._prior_is_new = True
        self.ledger.prior = LedgerPrior.of(self.statistics.prior)
        self._touched = True

    def apply_supervised(self, chunk: Chunk) -> None:
        """Cache a chunk of supervised outputs. Messages that were cached before are skipped."""
        for row in np.flatnonzero(chunk.offsets > self.ledger.supervised_offset).tolist():
            offset, value = int(chunk.offsets[row]), chunk.values.item(row)
            self._touched = True
            self.ledger.supervised_offset = offset
            try:
                output = _withdrawal(chunk.keys.item(row)) if value is None else SupervisedOutput.model_validate_json(value)
            except ValidationError as error:
                self._dead_letters.append(dead_letter(chunk, row, rejection_of(error)))
                continue
            if self._is_ours(output.video_id):
                self._cache(output, offset)
            else:
                self._dead_letters.append(dead_letter(chunk, row, wrong_partition(self.partition)))

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

    def apply_ranker(self, chunk: Chunk) -> None:
        """Stage a chunk of ranker scores; a release that the chunk completes takes the place of the one before, whole."""
        for row in np.flatnonzero(chunk.offsets > self.ledger.ranker_offset).tolist():
            value = chunk.values.item(row)
            rejection = None if value is None else self._apply_ranker(chunk.keys.item(row), value, int(chunk.offsets[row]))
            if rejection:
                self._dead_letters.append(dead_letter(chunk, row, rejection))
                self._touched = True

    def _apply_ranker(self, key: bytes | None, value: bytes, offset: int) -> Rejection | None:
        said = judge_ranker(key, value)
        if isinstance(said, Rejection):
            return said
        staged = self._staged.setdefault(said.release, {})
        if isinstance(said, RankerScores):
            if not self._is_ours(said.video_id):
                return wrong_partition(self.partition)
            staged[said.video_id.encode()] = said
            return None
        if len(staged) != said.videos:
            what = f"videos = {said.videos}: of release {said.release} {len(staged)} have come; send the whole release again"
            return Rejection(Reason.INVALID_FIELD, what)
        self.swap_ranker(said.release, offset)
        return None

    def swap_ranker(self, release: str, offset: int) -> None:
        """Let a staged release hold, from the message at an offset on."""
        scores = {video: _ranker_columns(said) for video, said in self._staged.get(release, {}).items()}
        self.statistics.swap_ranker(RankerState(release, offset), scores)
        self.ledger.ranker_release, self.ledger.ranker_offset, self._touched = release, offset, True
        self._staged.clear()

    def apply_fusion(self, chunk: Chunk) -> None:
        """Swap to each release of a fusion in a chunk. Releases that held before are skipped."""
        for row in np.flatnonzero(chunk.offsets > self.ledger.fusion_offset).tolist():
            value = chunk.values.item(row)
            if value is None:
                continue
            said = judge_fusion(chunk.keys.item(row), value)
            if isinstance(said, Rejection):
                self._dead_letters.append(dead_letter(chunk, row, said))
                self._touched = True
            else:
                self.swap_fusion(said, int(chunk.offsets[row]))

    def swap_fusion(self, release: FusionRelease | None, offset: int) -> None:
        """Let a fusion hold, from the message at an offset on."""
        self.statistics.swap_fusion(fusion_state(release, offset))
        self.ledger.fusion, self.ledger.fusion_offset, self._touched = release, offset, True

    def note_exclusions(self, chunk: Chunk) -> None:
        """Take note of a chunk of exclusions; a state computed without those whom they name is to take this one's place."""
        wanted, offset = self.wanted, self.wanted_offset
        for row in np.flatnonzero(chunk.offsets > self.wanted_offset).tolist():
            offset, value = int(chunk.offsets[row]), chunk.values.item(row)
            who = judge(chunk.keys.item(row), value)
            if isinstance(who, Rejection):
                self._dead_letters.append(dead_letter(chunk, row, who))
            else:
                wanted = wanted - {who} if value is None else wanted | {who}
        self.want_excluded(wanted, offset)

    def want_excluded(self, wanted: frozenset[Excluded], offset: int) -> None:
        """Take note of who is to be excluded by their topic up to an offset; so does the ledger, if this state is already."""
        self.wanted, self.wanted_offset = wanted, offset
        if not self.is_outdated and offset > self.ledger.exclusions_offset:
            self.ledger.exclusions_offset, self._touched = offset, True

    @property
    def is_outdated(self) -> bool:
        """Whether others are to be excluded than this state was made without."""
        return self.wanted != self.excluded

    # Recovery, and taking another state's place

    def take_as_written(self) -> None:
        """Begin where the changelog stands: nothing of this state is to be written again."""
        self.changes.new_exclusions = frozenset()
        self.wanted_offset = self.ledger.exclusions_offset

    @property
    def record_keys(self) -> set[bytes]:
        """Keys of all records that the changelog has of this state, but the ledger's."""
        return self.changes.keys(self.statistics, self.excluded)

    def take_place_of(self, old_keys: set[bytes]) -> Flush:
        """Return what the changelog needs so that this state stands in place of another, and what models say of its videos.

        Its other rows are published afterwards.

        Args:
            old_keys: keys of all that the changelog holds now.
        """
        self.ledger.segment = max((changelog.segment_number(key) for key in old_keys if key[:1] == changelog.SEGMENT), default=0)
        self.ledger.republish = self._touched = True
        self.changes.obsolete_keys = old_keys - {changelog.LEDGER}
        self.forget_dead_letters()
        flush = self.take_flush()
        none = {name: getattr(flush, name).slice(0, 0) for name in ("clip_scores", "prior")}
        return replace(flush, **none, oldest_ms=None)

    def exclude_from_now_on(self) -> None:
        """Pass over those who are wanted excluded in what is still to come."""
        self.changes.exclude(self.wanted, instead_of=self.excluded)
        self.excluded = self.wanted
        self.statistics.exclusions = exclusions_of(self.excluded)
        self.ledger.exclusions_offset, self._touched = self.wanted_offset, True

    def begin_epoch(self, epoch: int) -> Flush:
        """Return what the changelog needs before there is a row of an epoch, which is later than that of any row.

        A worker that has lost the partition is told so when it writes this, and so inserts no row that would stand above all of
        its successor's.
        """
        self.ledger.epoch = epoch
        flush = self.take_flush()
        return replace(flush, clip_scores=flush.clip_scores.slice(0, 0))

    def publish_anew(self, shown: Sequence[tuple[str, int]]) -> None:
        """Have the next flush publish every clip, those that are shown and unknown here as empty.

        Args:
            shown: (video id, clip index) of all rows that there are.
        """
        self.statistics.add_empty(shown)
        self.statistics.mark_known()
        self.ledger.republish = False
        self._prior_is_new = self._touched = True

    def forget_dead_letters(self) -> None:
        """Do not send the dead letters since the last flush: they were sent when their messages were applied first."""
        self._dead_letters.clear()

    def forget_supervised(self) -> None:
        """Do not publish what models have said since the last flush: it was published when it came first."""
        self._supervised.clear()

    # Flush

    @property
    def is_touched(self) -> bool:
        """Whether there is anything to flush."""
        return self._touched or self.ledger.republish

    def take_flush(self) -> Flush:
        """Return what is to be written, and count it as written."""
        self._touched = False
        statistics, pages = self.statistics, self.statistics.pages
        scores = clip_score_rows(statistics, statistics.dirty_clips(), self.ledger.epoch)
        pages.dirty[: int(pages.size[0])] = 0
        records = self.changes.take(statistics, self.ledger, self.excluded)
        dead_letters, self._dead_letters = self._dead_letters, []
        supervised, self._supervised = self._supervised, []
        prior = prior_rows(self.partition, statistics.prior).slice(0, None if self._prior_is_new else 0)
        self._prior_is_new = False
        oldest_ms, self._oldest_ms = self._oldest_ms, None
        ledger = self.ledger.model_copy(deep=True)
        return Flush(self.partition, scores, supervised_rows(supervised), prior, dead_letters, records, ledger, oldest_ms)


def fusion_state(release: FusionRelease | None, offset: int) -> FusionState:
    """Return the fusion that a release says."""
    if release is None or release.fusion is None:
        return FusionState(FUSION_VERSION, offset)
    return FusionState(release.release, offset, model_of(release.fusion))


def _ranker_columns(scores: RankerScores) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    values = [(clip.score_mean, clip.score_sd) for clip in scores.clips]
    return np.array([clip.clip_index for clip in scores.clips], np.int64), np.array(values, np.float32).reshape(-1, 2).T


def _withdrawal(key: bytes | None) -> SupervisedOutput:
    """Return what a message without a value says: nothing more is known of the video that its key names."""
    video_id = (key or b"").decode(errors="replace")
    return SupervisedOutput(schema_version=1, video_id=video_id, model_version="withdrawn", clips=())
