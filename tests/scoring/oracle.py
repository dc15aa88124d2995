"""The statistics again, as plainly as can be: one event after the other, dictionaries, sets and whole numbers.

It follows the rules that `scoring.statistics.aggregation` states, not its code: clips by comparing each clip's middle with
the range, sums over a list of all sessions counted, no hashes, no tables that grow, no chunks. Pages appear only where the
rules speak of them: a session is remembered page by page.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from aiokafka.partitioner import murmur2

CLIP_MS = 10_000
CLIPS_PER_PAGE = 32
DWELL_MS = 3_000
ERA_HALF_LIVES = 16
UNIT = 4096


class Event(NamedTuple):
    """One valid interaction as the source holds it."""

    offset: int
    stamp_ms: int
    kind: str
    video: str
    session: str
    time_ms: int
    from_ms: int
    to_ms: int


class Limits(NamedTuple):
    """The rules' numbers."""

    half_life_ms: int
    window_ms: int
    skew_ms: int
    partition: int
    partitions: int


@dataclass
class Clip:
    """What is kept of one clip."""

    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    counted: list[tuple[str, int]] = field(default_factory=list)
    """(kind, time) of each session counted."""
    changed_offset: int = -1

    @property
    def latest_ms(self) -> int:
        """Time of the newest session counted."""
        return max(time for _, time in self.counted)


@dataclass
class Memory:
    """What is remembered of one session on one page of a video."""

    touched_ms: int
    counted: set[tuple[str, int]] = field(default_factory=set)
    seek: Event | None = None


def clips_of(kind: str, from_ms: int, to_ms: int) -> list[int]:
    """Return the clips that an interaction speaks of."""
    if kind == "rewind":
        return [to_ms // CLIP_MS]
    around = range(from_ms // CLIP_MS, to_ms // CLIP_MS + 1)
    inside = [clip for clip in around if from_ms <= clip * CLIP_MS + CLIP_MS // 2 < to_ms]
    if kind == "share" and not inside:
        return [int(Fraction(from_ms + to_ms, 2) // CLIP_MS)]
    return inside


def weight(time_ms: int, half_life_ms: int) -> int:
    """Return an event's weight in its own era: 4096 * 2**age, in steps of a 256th of a half-life."""
    half_lives, rest = divmod(time_ms % (ERA_HALF_LIVES * half_life_ms), half_life_ms)
    step = rest * 256 // half_life_ms
    return round(UNIT * 2 ** (step / 256)) << half_lives


class Oracle:
    """The statistics of one partition, event by event."""

    def __init__(self, limits: Limits) -> None:
        """Start empty."""
        self.limits = limits
        self.clips: defaultdict[tuple[str, int], Clip] = defaultdict(Clip)
        self.memories: dict[tuple[str, str, int], Memory] = {}
        self.newest_ms = -1
        self.searching = 0

    def apply(self, event: Event) -> str:
        """Apply one event; return its fate."""
        if event.time_ms > event.stamp_ms + self.limits.skew_ms:
            return "clock_ahead"
        if event.time_ms < self.newest_ms - self.limits.window_ms:
            return "too_late"
        if (murmur2(event.video.encode()) & 0x7FFFFFFF) % self.limits.partitions != self.limits.partition:
            return "wrong_partition"
        self.newest_ms = max(self.newest_ms, event.time_ms)
        home = self._remember(event, 0)
        is_seek = event.kind in ("rewind", "fast_forward")
        if home.seek and event.time_ms - home.seek.time_ms >= DWELL_MS:
            confirmed, home.seek = home.seek, None
            self._count(event, confirmed)
        elif home.seek and is_seek:
            self.searching += 1
            if event.time_ms < home.seek.time_ms:
                return "applied"
        if is_seek:
            home.seek = event
            return "applied"
        fresh = self._count(event, event)
        return "applied" if fresh or not clips_of(event.kind, event.from_ms, event.to_ms) else "duplicate"

    def _count(self, now: Event, counted: Event) -> bool:
        fresh = False
        for clip in clips_of(counted.kind, counted.from_ms, counted.to_ms):
            memory = self._remember(now, clip // CLIPS_PER_PAGE)
            if (counted.kind, clip) not in memory.counted:
                memory.counted.add((counted.kind, clip))
                self._add(now, counted, clip)
                fresh = True
        return fresh

    def _add(self, now: Event, counted: Event, clip: int) -> None:
        kept = self.clips[now.video, clip]
        kept.counts[counted.kind] += 1
        kept.counted.append((counted.kind, counted.time_ms))
        kept.changed_offset = now.offset

    def _remember(self, event: Event, page: int) -> Memory:
        """Return what is known of the event's session on a page; what has not been touched for the window is forgotten."""
        place = (event.session, event.video, page)
        known = self.memories.get(place)
        if known is None or known.touched_ms < self.newest_ms - self.limits.window_ms:
            known = self.memories[place] = Memory(event.time_ms)
        known.touched_ms = max(known.touched_ms, event.time_ms)
        return known

    def era_sums(self, clip: Clip, kind: str) -> tuple[int, int]:
        """Return the sums of weights in the era of the clip's newest session, and in the one before."""
        length = ERA_HALF_LIVES * self.limits.half_life_ms
        newest = clip.latest_ms // length
        sums = [0, 0]
        for counted_kind, time_ms in clip.counted:
            place = newest - time_ms // length
            if counted_kind == kind and place < 2:
                sums[place] += weight(time_ms, self.limits.half_life_ms)
        return sums[0], sums[1]

    def live(self) -> dict[tuple[str, str, int], Memory]:
        """Return the memories that are not forgotten."""
        forget = self.newest_ms - self.limits.window_ms
        return {place: memory for place, memory in self.memories.items() if memory.touched_ms >= forget}
