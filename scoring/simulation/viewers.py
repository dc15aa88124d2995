"""Simulated viewers of a simulated library, and the stream of what they do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.compiled import compiled_counting
from schemas.errors import ConfigurationError
from schemas.hashing import mix
from schemas.limits import CLIP_SECONDS
from scoring.simulation.arrivals import Block, Schedule, in_order_of_arrival
from scoring.simulation.delivery import deliver
from scoring.simulation.event_log import EventLog, Sitting, is_full, run_sessions
from scoring.simulation.interactions import InteractionBatch
from scoring.simulation.library import CATEGORIES, GROUP_OF_TAG, TAG_GROUPS, Library
from scoring.simulation.session import Habits, spam, watch

HABITS = Habits(
    skip=0.12,
    skip_below=3.0,
    rewind=0.09,
    rewind_above=7.0,
    share=0.032,
    share_above=7.0,
    leave=0.008,
    search=0.0004,
)
"""What a person of average patience does."""

_CLIP_MS = CLIP_SECONDS * 1000
_POPULARITY_EXPONENT = 0.9
_MOST_VIDEOS = 4
_ANOTHER_VIDEO_CHANCE = 0.35
_BOT_CHANCE = 0.001
_SEARCHER_CHANCE = 0.02
_SEARCHER_SEARCH = 0.05
_LINK_CHANCE = 0.1
_MOOD = 0.9


@dataclass(frozen=True)
class Audience:
    """P viewers with their tastes, and how popular each of V videos is with them all."""

    category_taste: NDArray[np.float32]
    """[P, categories], points of appeal that a viewer adds to each clip of a category."""
    tag_taste: NDArray[np.float32]
    """[P, tag groups], points added where tags of a group are certain."""
    patience: NDArray[np.float32]
    """[P], 1 on average: divides the chances to skip and to leave."""
    video_by_rank: NDArray[np.int64]
    """[V], the most popular video first."""
    popularity: NDArray[np.float64]
    """[V], share of the views that go to the videos up to a rank: 1 at the last."""


def make_audience(rng: np.random.Generator, videos: int, viewers: int = 20_000) -> Audience:
    """Draw an audience for a library of `videos`; views by rank follow Zipf's law.

    Raises:
        ConfigurationError: `viewers` is below 1.
    """
    if viewers < 1:
        message = f"viewers = {viewers}: an audience needs at least 1"
        raise ConfigurationError(message)
    views = np.arange(1, videos + 1) ** -_POPULARITY_EXPONENT
    return Audience(
        category_taste=rng.normal(0.0, 0.7, (viewers, len(CATEGORIES))).astype(np.float32),
        tag_taste=rng.normal(0.3, 1.0, (viewers, len(TAG_GROUPS))).astype(np.float32),
        patience=rng.lognormal(0.0, 0.35, viewers).astype(np.float32),
        video_by_rank=rng.permutation(videos),
        popularity=np.cumsum(views) / views.sum(),
    )


def simulate(
    library: Library, audience: Audience, schedule: Schedule, seed: np.random.SeedSequence, batch_size: int = 50_000
) -> Iterator[InteractionBatch]:
    """Yield what an audience does, in order of arrival.

    The same library, audience, schedule and seed give the same events, bit for bit, whatever `batch_size`. Memory holds
    the sessions that are under way at one moment of simulated time.

    Raises:
        ConfigurationError: `batch_size` is below 1.
    """
    world = _world(library, audience)
    salt = np.uint64(seed.generate_state(1, np.uint64)[0])
    blocks = ((_events_of(block, world, schedule.end_ms, salt), block.complete_until_ms) for block in schedule.blocks(seed))
    return in_order_of_arrival(blocks, batch_size)


class _World(NamedTuple):
    """Library and audience as compiled code takes them."""

    first_clip: NDArray[np.int64]
    length_ms: NDArray[np.int64]
    category: NDArray[np.int32]
    appeal: NDArray[np.float32]
    groups: NDArray[np.float32]
    category_taste: NDArray[np.float32]
    tag_taste: NDArray[np.float32]
    patience: NDArray[np.float32]
    video_by_rank: NDArray[np.int64]
    popularity: NDArray[np.float64]


def _world(library: Library, audience: Audience) -> _World:
    groups = np.stack([library.tags[:, group == GROUP_OF_TAG].max(axis=1) for group in range(len(TAG_GROUPS))], axis=1)
    return _World(
        first_clip=library.first_clip,
        length_ms=library.length_ms,
        category=library.category,
        appeal=library.appeal,
        groups=groups,
        category_taste=audience.category_taste,
        tag_taste=audience.tag_taste,
        patience=audience.patience,
        video_by_rank=audience.video_by_rank,
        popularity=audience.popularity,
    )


def _events_of(block: Block, world: _World, end_ms: int, salt: np.uint64) -> NDArray[np.void]:
    def run(done: int, log: EventLog) -> int:
        after: int = _run(block.rng, world, HABITS, block.starts_at_ms, block.first_session, done, end_ms, salt, log)
        return after

    return run_sessions(run, len(block.starts_at_ms))


@compiled_counting
def _run(rng, world, habits, starts_at_ms, first_session, done, end_ms, salt, log):
    """Run sessions `done`... of a block; returns the number done when the log is full or all are."""
    for index in range(done, len(starts_at_ms)):
        if is_full(log):
            return index
        first = log.size[0]
        viewer = np.int64(rng.random() * len(world.patience))
        session_id, viewer_id = mix(salt, np.uint64(first_session + index)), mix(salt, ~np.uint64(viewer))
        if rng.random() < _BOT_CHANCE:
            video = _popular_video(rng, world)
            sitting = Sitting(session_id, viewer_id, video)
            spam(rng, world.length_ms[video], starts_at_ms[index], end_ms, sitting, log)
        else:
            _sit(rng, world, habits, viewer, session_id, viewer_id, starts_at_ms[index], end_ms, log)
        deliver(rng, log, first)
    return len(starts_at_ms)


@compiled_counting
def _sit(rng, world, habits, viewer, session_id, viewer_id, at, end_ms, log):
    """Watch a video, perhaps others after it."""
    patience = world.patience[viewer]
    search = _SEARCHER_SEARCH if rng.random() < _SEARCHER_CHANCE else habits.search
    own = Habits(
        habits.skip / patience,
        habits.skip_below,
        habits.rewind,
        habits.rewind_above,
        habits.share,
        habits.share_above,
        habits.leave / patience,
        search,
    )
    heartbeat_ms = 10_000 + np.int64(rng.random() * 50_000)
    for _ in range(_MOST_VIDEOS):
        video = _liked_video(rng, world, viewer)
        length_ms = world.length_ms[video]
        entry_ms = np.int64(rng.random() * (length_ms // 2)) if rng.random() < _LINK_CHANCE else np.int64(0)
        felt = _felt(rng, world, viewer, video)
        sitting = Sitting(session_id, viewer_id, video)
        at = watch(rng, felt, _CLIP_MS, length_ms, own, heartbeat_ms, at, end_ms, entry_ms, sitting, log)
        at += 5_000 + np.int64(rng.random() * 30_000)
        if rng.random() > _ANOTHER_VIDEO_CHANCE:
            break


@compiled_counting
def _popular_video(rng, world):
    return world.video_by_rank[np.searchsorted(world.popularity, rng.random(), side="right")]


@compiled_counting
def _liked_video(rng, world, viewer):
    """Return one of two popular videos: that of the category which the viewer likes better."""
    one, other = _popular_video(rng, world), _popular_video(rng, world)
    taste = world.category_taste[viewer]
    return one if taste[world.category[one]] >= taste[world.category[other]] else other


@compiled_counting
def _felt(rng, world, viewer, video):
    """Return what a viewer feels about each clip: its appeal, the viewer's taste, and a mood of the moment."""
    first, after = world.first_clip[video], world.first_clip[video + 1]
    taste = world.category_taste[viewer, world.category[video]]
    felt = np.empty(after - first, np.float32)
    for clip in range(first, after):
        feeling = world.appeal[clip] + taste + _MOOD * rng.standard_normal()
        for group in range(world.groups.shape[1]):
            feeling += world.tag_taste[viewer, group] * world.groups[clip, group]
        felt[clip - first] = feeling
    return felt
