"""The statistics of one partition: what the compiled rules work on, made easy to hold."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.columns import InteractionColumns
from schemas.hashing import hash_text
from scoring.fusion import FUSION_VERSION, Fused, Signals, fuse
from scoring.learned_fusion.live import fuse_learned
from scoring.learned_fusion.model import FusionModel
from scoring.rates import RatePrior, first_prior, fit_prior
from scoring.statistics.aggregation import EXCLUDED, MOST_PAGES_OF_A_RANGE, WAITING, Clock, Rules, apply
from scoring.statistics.decay import effective_count
from scoring.statistics.exclusions import Exclusions
from scoring.statistics.pages import CLIPS_PER_PAGE, NEVER, Pages, find_or_add
from scoring.statistics.sessions import Sessions

_FIRST_FIT: Final = 1 << 12
_FITS_EVERY: Final = 1 << 22
_CLIP_BITS: Final = 1 << np.arange(CLIPS_PER_PAGE, dtype=np.int64)


def next_fit_after(offset: int) -> int:
    """Return the first offset beyond `offset` at which the prior is fitted: 4,096, 16,384 ... 1,048,576, then every 4,194,304.

    The schedule is in offsets, so that the same log gives the same priors however it is cut into chunks.
    """
    if offset >= _FITS_EVERY:
        return (offset // _FITS_EVERY + 1) * _FITS_EVERY
    at = _FIRST_FIT
    while at <= offset:
        at *= 4
    return at


class RankerState(NamedTuple):
    """Which ranker release the clips' ranker scores are of."""

    release: str = ""
    """Empty while there is none."""
    offset: int = NEVER
    """Of the message that let it hold."""


class FusionState(NamedTuple):
    """Which fusion holds."""

    version: str = FUSION_VERSION
    """Name of the release, or of the built-in formula."""
    offset: int = NEVER
    """Of the message that let it hold."""
    model: FusionModel | None = None
    """None for the built-in one."""


class ClipSelection(NamedTuple):
    """n clips: rows of pages and clips within them."""

    row: NDArray[np.int64]
    clip: NDArray[np.int64]


class PartitionStatistics:
    """Pages, sessions, event clock and prior of one partition; no I/O."""

    def __init__(
        self, partition: int, partitions: int, rules: Rules, hash_key: NDArray[np.uint64], exclusions: Exclusions | None = None
    ) -> None:
        """Start empty.

        Args:
            partition, partitions: which partition of the source topic this is, and how many there are.
            rules: of the statistics.
            hash_key: uint64[2], the secret that the columns' hashes were made with.
            exclusions: whose interactions are passed over.
        """
        self.partition = partition
        self.partitions = partitions
        self.rules = rules
        self.hash_key = hash_key
        self.exclusions = exclusions or Exclusions.none()
        self.pages = Pages.empty()
        self.sessions = Sessions.empty()
        self.clock = Clock(np.full(1, NEVER), np.zeros(1, np.int64))
        self.prior: RatePrior = first_prior()
        self.ranker = RankerState()
        self.fusion = FusionState()
        self.video_ids: dict[int, bytes] = {}
        self._rows_of_video: defaultdict[int, list[int]] = defaultdict(list)

    @property
    def forget_before_ms(self) -> int:
        """Event time before which session records are forgotten."""
        return int(self.clock.newest_ms[0]) - self.rules.session_window_ms

    def apply(
        self, columns: InteractionColumns, offsets: NDArray[np.int64], timestamps_ms: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """Apply n interactions in offset order; return the fate of each (see `aggregation`).

        Args:
            columns: n rows.
            offsets: [n] source offsets, growing.
            timestamps_ms: [n] the broker's stamps, Unix ms.
        """
        fates = np.where(self.exclusions.contain(columns), EXCLUDED, WAITING).astype(np.uint8)
        old_pages, row = int(self.pages.size[0]), 0
        while True:
            row = apply(
                self.pages, self.sessions, self.clock, columns, row, offsets, timestamps_ms,
                self.partition, self.partitions, self.rules, fates,
            )  # fmt: skip
            if row == len(offsets):
                break
            wanted = 4 * MOST_PAGES_OF_A_RANGE
            self.pages = self.pages.with_room(wanted)
            self.sessions = self.sessions.with_room(wanted, self.forget_before_ms)
        self._name_videos(old_pages, columns)
        self._note_new_pages(old_pages)
        return fates

    def _name_videos(self, first_new_page: int, columns: InteractionColumns) -> None:
        new = np.unique(self.pages.video[first_new_page : int(self.pages.size[0])])
        unknown = [video for video in new.tolist() if video not in self.video_ids]
        if unknown:
            accepted = np.flatnonzero(columns.accepted)
            hashes, first = np.unique(columns.video[accepted], return_index=True)
            rows = accepted[first[np.searchsorted(hashes, np.array(unknown, np.uint64))]]
            self.video_ids.update((video, columns.video_id(row)) for video, row in zip(unknown, rows, strict=True))

    def refit(self, offset: int) -> None:
        """Fit the prior to all interactions before `offset`, and mark every watched clip to be published again."""
        size = int(self.pages.size[0])
        counts = self.pages.counts[:size].transpose(1, 0, 2).reshape(self.pages.counts.shape[1], -1)
        self.prior = fit_prior(counts, self._clip_index(self.all_clips()), offset)
        watched = (self.pages.latest_ms[:size] >= 0) @ _CLIP_BITS
        self.pages.dirty[:size] |= watched.astype(np.uint32)

    def all_clips(self) -> ClipSelection:
        """Return every clip of every page."""
        size = int(self.pages.size[0])
        rows, clips = np.divmod(np.arange(size * CLIPS_PER_PAGE), CLIPS_PER_PAGE)
        return ClipSelection(rows, clips)

    def known_clips(self) -> ClipSelection:
        """Return the clips that were watched or scored."""
        return ClipSelection(*np.nonzero(self.pages.known))

    def dirty_clips(self) -> ClipSelection:
        """Return the clips whose scores are to be published."""
        rows = np.flatnonzero(self.pages.dirty[: int(self.pages.size[0])])
        bits = self.pages.dirty[rows, None] >> np.arange(CLIPS_PER_PAGE, dtype=np.uint32) & 1
        at, clips = np.nonzero(bits)
        return ClipSelection(rows[at], clips)

    def _clip_index(self, clips: ClipSelection) -> NDArray[np.int64]:
        return self.pages.page_index[clips.row] * CLIPS_PER_PAGE + clips.clip

    def signals(self, clips: ClipSelection) -> Signals:
        """Return the signals of n clips."""
        pages, row, clip = self.pages, clips.row, clips.clip
        sums = pages.decayed[row, :, :, clip].transpose(1, 2, 0)
        return Signals(
            clip_index=self._clip_index(clips),
            sessions=effective_count(sums[0], sums[1], pages.era[row, clip], pages.latest_ms[row, clip], self.rules.half_life_ms),
            score_mean=pages.score_mean[row, clip].astype(np.float64),
            score_sd=pages.score_sd[row, clip].astype(np.float64),
            celebrity=pages.celebrity[row, clip].astype(np.float64),
            ranker_mean=pages.ranker_mean[row, clip].astype(np.float64),
            ranker_sd=pages.ranker_sd[row, clip].astype(np.float64),
        )

    def fuse(self, clips: ClipSelection) -> tuple[Signals, Fused]:
        """Return the signals of n clips and the fused scores made of them."""
        signals = self.signals(clips)
        model = self.fusion.model
        return signals, fuse_learned(model, signals, self.prior) if model else fuse(signals, self.prior)

    def cache_supervised(self, video_id: bytes, clip_index: NDArray[np.int64], values: NDArray[np.float32], offset: int) -> None:
        """Take the supervised outputs of one video in place of what was cached of it.

        Args:
            video_id: of the video.
            clip_index: [n].
            values: [3, n] score mean, score standard deviation, celebrity importance (NaN where there is none).
            offset: of the message in its topic.
        """
        video = np.uint64(hash_text(video_id.decode(), self.hash_key))
        page_of_clip = clip_index // CLIPS_PER_PAGE
        wanted = np.unique(page_of_clip)
        self.pages = self.pages.with_room(len(wanted))
        if len(wanted):
            self.video_ids[int(video)] = video_id
        for row in self._rows_of_video[int(video)]:
            self._clear_supervised(row, offset)
        old_pages = int(self.pages.size[0])
        for page in wanted.tolist():
            row = int(find_or_add(self.pages, video, page))
            if self.pages.supervised_offset[row] > offset:
                continue
            inside = page_of_clip == page
            clip = clip_index[inside] % CLIPS_PER_PAGE
            self.pages.score_mean[row, clip], self.pages.score_sd[row, clip], self.pages.celebrity[row, clip] = values[:, inside]
            self._mark(row, clip, offset)
        self._note_new_pages(old_pages)

    def swap_ranker(self, state: RankerState, scores: Mapping[bytes, tuple[NDArray[np.int64], NDArray[np.float32]]]) -> None:
        """Put a release's scores in the place of all that another has said; every known clip is to be published again.

        Args:
            state: which release it is.
            scores: by video id, (clip_index [n], [2, n] mean and standard deviation).
        """
        self.mark_known()
        size = int(self.pages.size[0])
        self.pages.changed[:size] |= ~np.isnan(self.pages.ranker_mean[:size]).all(axis=1)
        self.pages.ranker_mean.fill(np.nan)
        self.pages.ranker_sd.fill(np.nan)
        for video_id, (clip_index, values) in scores.items():
            self._put_ranker(video_id, clip_index, values)
        self.ranker = state
        self.mark_known()

    def swap_fusion(self, state: FusionState) -> None:
        """Let another fusion hold; every known clip is to be published again."""
        self.fusion = state
        self.mark_known()

    def _put_ranker(self, video_id: bytes, clip_index: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        video, page_of_clip = np.uint64(hash_text(video_id.decode(), self.hash_key)), clip_index // CLIPS_PER_PAGE
        wanted = np.unique(page_of_clip)
        self.pages = self.pages.with_room(len(wanted))
        self.video_ids[int(video)] = video_id
        old_pages = int(self.pages.size[0])
        for page in wanted.tolist():
            row = int(find_or_add(self.pages, video, page))
            inside = page_of_clip == page
            clip = clip_index[inside] % CLIPS_PER_PAGE
            self.pages.ranker_mean[row, clip], self.pages.ranker_sd[row, clip] = values[:, inside]
            self.pages.changed[row] = True
        self._note_new_pages(old_pages)

    def _clear_supervised(self, row: int, offset: int) -> None:
        had = np.flatnonzero(~np.isnan(self.pages.score_mean[row]))
        if not len(had) or self.pages.supervised_offset[row] > offset:
            return
        for column in (self.pages.score_mean, self.pages.score_sd, self.pages.celebrity):
            column[row] = np.nan
        self._mark(row, had, offset)

    def _mark(self, row: int, clip: NDArray[np.int64], offset: int) -> None:
        # All rows of the page carry its supervised offset: those of watched clips are published again, too.
        published = self.pages.latest_ms[row] >= 0
        published[clip] = True
        self.pages.dirty[row] |= np.uint32(published @ _CLIP_BITS)
        self.pages.changed[row] = True
        self.pages.supervised_offset[row] = offset

    def mark_known(self) -> None:
        """Mark every known clip to be published."""
        self.pages.dirty[: int(self.pages.size[0])] |= (self.pages.known @ _CLIP_BITS).astype(np.uint32)

    def add_empty(self, clips: Sequence[tuple[str, int]]) -> None:
        """Mark clips (video id, clip index) to be published; unknown ones become known and empty."""
        old_pages = int(self.pages.size[0])
        for video_id, clip_index in clips:
            video = hash_text(video_id, self.hash_key)
            page, clip = divmod(clip_index, CLIPS_PER_PAGE)
            self.pages = self.pages.with_room(1)
            row = int(find_or_add(self.pages, np.uint64(video), page))
            self.pages.dirty[row] |= np.uint32(1 << clip)
            self.pages.changed[row] = True
            self.video_ids[video] = video_id.encode()
        self._note_new_pages(old_pages)

    def put_pages(self, video_ids: Sequence[bytes], pages: NDArray[np.void]) -> None:
        """Take n pages (PAGE_DTYPE[n]) of the videos with these ids in place of all that are there."""
        self.pages = Pages.of(pages)
        self.video_ids = dict(zip(pages["video"].tolist(), video_ids, strict=True))
        self._rows_of_video.clear()
        self._note_new_pages(0)

    def _note_new_pages(self, first: int) -> None:
        for row in range(first, int(self.pages.size[0])):
            self._rows_of_video[int(self.pages.video[row])].append(row)
