"""A seeded video library whose truth is known: the appeal of every clip, and what models think of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigurationError
from schemas.limits import CLIP_SECONDS, MAX_SCORE
from schemas.vocabulary import read_vocabulary

CATEGORIES = ("sports", "drama", "comedy", "music", "news", "animation", "variety", "documentary")

TAG_GROUPS = read_vocabulary()
TAGS = tuple(tag for group in TAG_GROUPS.values() for tag in group)
GROUP_OF_TAG = np.array([group for group, tags in enumerate(TAG_GROUPS.values()) for _ in tags])

_SHORTEST_MIN, _LONGEST_MIN = 2.0, 40.0
_TYPICAL_MIN, _LENGTH_SPREAD = 10.0, 0.7
_CELEBRITY_EFFECT = 1.5
_TAG_SHARE = 0.08
_TAGS_REPORTED_FROM = 0.05


@dataclass(frozen=True)
class Library:
    """V videos with C clips in all; the clips of video v are the rows `first_clip[v]:first_clip[v + 1]`."""

    video_ids: tuple[str, ...]
    category: NDArray[np.int32]
    """[V], place in CATEGORIES."""
    length_ms: NDArray[np.int64]
    """[V]."""
    first_clip: NDArray[np.int64]
    """[V + 1]."""
    appeal: NDArray[np.float32]
    """[C], the truth on 0-10: what the average viewer would give the clip."""
    tags: NDArray[np.float32]
    """[C, len(TAGS)], a tagger's probabilities; 0 where it does not see the tag."""
    celebrity: NDArray[np.float32]
    """[C], importance of the people in the clip in [0, 1]; NaN where nobody is known."""
    score_mean: NDArray[np.float32]
    """[C], what a supervised model says of the appeal: noisy, shrunken and biased by category."""
    score_sd: NDArray[np.float32]
    """[C], the spread that this model knows of; of its bias it knows nothing."""
    known: NDArray[np.bool_]
    """[V], whether models have seen the video at all."""

    def clips(self, video: int) -> slice:
        """Return the rows of a video's clips."""
        return slice(int(self.first_clip[video]), int(self.first_clip[video + 1]))


def make_library(rng: np.random.Generator, videos: int = 600, known_share: float = 0.9) -> Library:
    """Draw a library.

    Args:
        rng: source of all randomness: the same state gives the same library.
        videos: number of videos, at least 1.
        known_share: share of the videos that models have seen.

    Raises:
        ConfigurationError: `videos` is below 1, or `known_share` lies outside [0, 1].
    """
    if videos < 1:
        message = f"videos = {videos}: a library needs at least 1"
        raise ConfigurationError(message)
    if not 0.0 <= known_share <= 1.0:
        message = f"known_share = {known_share}: give a share from 0 to 1"
        raise ConfigurationError(message)
    minutes = np.clip(_TYPICAL_MIN * rng.lognormal(0.0, _LENGTH_SPREAD, videos), _SHORTEST_MIN, _LONGEST_MIN)
    length_ms = np.round(minutes * 60_000).astype(np.int64)
    clips = -(-length_ms // (CLIP_SECONDS * 1000))
    first_clip = np.concatenate([[0], np.cumsum(clips)])
    category = rng.integers(len(CATEGORIES), size=videos, dtype=np.int32)
    celebrity = _celebrity(rng, int(first_clip[-1]))
    appeal = np.concatenate([_appeal_of_video(rng, int(count)) for count in clips])
    appeal = np.clip(appeal + _CELEBRITY_EFFECT * np.nan_to_num(celebrity), 0.0, MAX_SCORE).astype(np.float32)
    score_mean, score_sd = _supervised(rng, appeal, np.repeat(category, clips), clips)
    return Library(
        video_ids=tuple(f"v{video:06d}" for video in range(videos)),
        category=category,
        length_ms=length_ms,
        first_clip=first_clip,
        appeal=appeal,
        tags=_tags(rng, appeal),
        celebrity=celebrity,
        score_mean=score_mean,
        score_sd=score_sd,
        known=rng.random(videos) < known_share,
    )


def _appeal_of_video(rng: np.random.Generator, clips: int) -> NDArray[np.float64]:
    """Draw a smooth curve: a level, a slow drift, and a peak every four minutes or so."""
    at = np.arange(clips)
    window = np.hanning(11)
    drift = np.convolve(rng.normal(0.0, 1.0, clips + 10), window / np.linalg.norm(window), mode="valid")
    curve = rng.normal(3.2, 0.6) + 0.9 * drift
    for _ in range(1 + rng.poisson(clips / 24)):
        height, width = rng.uniform(2.5, 5.5), rng.uniform(1.0, 3.0)
        curve += height * np.exp(-0.5 * ((at - rng.uniform(0, clips)) / width) ** 2)
    curve[:2] -= 1.0  # a title sequence
    return curve


def _celebrity(rng: np.random.Generator, clips: int) -> NDArray[np.float32]:
    """Draw people who appear for some clips in a row."""
    importance = np.full(clips, np.nan, np.float32)
    for start in np.flatnonzero(rng.random(clips) < 0.03).tolist():
        importance[start : start + int(rng.integers(1, 6))] = rng.beta(2.0, 3.0)
    return importance


def _tags(rng: np.random.Generator, appeal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Draw tag probabilities; what excites is tagged more often than what does not."""
    shape = (len(appeal), len(TAGS))
    seen = rng.random(shape) < _TAG_SHARE * (0.5 + appeal[:, None] / MAX_SCORE)
    probability = np.round(rng.beta(4.0, 2.0, shape), 3)
    return np.where(seen & (probability >= _TAGS_REPORTED_FROM), probability, 0.0).astype(np.float32)


def _supervised(
    rng: np.random.Generator, appeal: NDArray[np.float32], category: NDArray[np.int32], clips: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw a model's (mean, sd): its clip and video noise is in its sd, its shrinkage and bias by category are not."""
    video_noise = 0.4
    clip_noise = rng.uniform(0.5, 1.4, len(appeal))
    bias = rng.normal(0.0, 0.5, len(CATEGORIES))[category]
    shrunken = 4.5 + 0.8 * (appeal - 4.5)
    noise = np.repeat(rng.normal(0.0, video_noise, len(clips)), clips) + rng.normal(0.0, clip_noise)
    mean = np.clip(shrunken + bias + noise, 0.0, MAX_SCORE)
    return mean.astype(np.float32), np.hypot(clip_noise, video_noise).astype(np.float32)
