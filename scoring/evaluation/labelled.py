"""A data set of labelled clips, and its sides."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.limits import MAX_SCORE
from scoring.evaluation.opinions import ViewerOpinions
from scoring.supervised.clips import LabelledClips

_TEST_VIDEOS = 0.25
_LEAST_OPINIONS = 5
_LEAST_SHARE = 0.01


@dataclass(frozen=True)
class LabelledSet:
    """Labelled clips that come as a set."""

    name: str
    """Of the data, for the report."""
    clips: LabelledClips
    test: NDArray[np.bool_] | None
    """Which clips are for the test, [n], where the set says so; else each seed draws a quarter of the videos."""

    def sides(self, seed: int) -> tuple[LabelledClips, LabelledClips]:
        """Return the clips to learn from, and those to judge by, which nothing else may be chosen by."""
        test = self.clips.side(_TEST_VIDEOS, np.random.default_rng(seed)) if self.test is None else self.test
        return self.clips.take(~test), self.clips.take(test)


def scored_set(opinions: ViewerOpinions) -> LabelledSet:
    """Return clips whose score is what viewers think on the whole, and its spread how far they differ."""
    everybody = np.ones(len(opinions.opinion), np.bool_)
    scores = _scores(opinions, everybody)
    unnamed = np.empty((opinions.clips, 0), np.float32)
    clips = LabelledClips(opinions.features, {"features": opinions.features.shape[1]}, *scores, unnamed, (), _videos(opinions))
    return LabelledSet(opinions.name, clips.take(clips.scored), None)


def watched_set(opinions: ViewerOpinions) -> LabelledSet:
    """Return clips whose features are who watched them, whose score is what the others think, and whose tags are given.

    Half of the viewers tell by watching alone, the other half by their opinions: no viewer is on both sides. Tags are those
    features that are yes or no, where at least one clip in a hundred has them.

    Raises:
        ValueError: the viewers did not choose, or there are no such tags, or too few opinions.
    """
    watchers = opinions.by_viewers(np.flatnonzero(np.arange(opinions.viewers) % 2 == 0))
    binary = np.isin(opinions.features, (0, 1)) | np.isnan(opinions.features)
    columns = np.flatnonzero(binary.all(axis=0) & (np.nanmean(opinions.features, axis=0) >= _LEAST_SHARE))
    if not opinions.chosen or not len(columns):
        message = f"{opinions.name}: viewers who chose what to watch, and features that are yes or no, are needed for two tasks"
        raise ValueError(message)
    watched = np.zeros((opinions.clips, opinions.viewers // 2 + opinions.viewers % 2), np.float32)
    watched[opinions.clip[watchers], opinions.viewer[watchers] // 2] = 1
    scores = _scores(opinions, ~watchers)
    if np.isnan(scores[0]).all():
        message = f"{opinions.name}: no clip has the opinions of {_LEAST_OPINIONS} viewers beside those who tell by watching"
        raise ValueError(message)
    names = tuple(f"column {column}" for column in columns)
    clips = LabelledClips(
        watched, {"watched": watched.shape[1]}, *scores, opinions.features[:, columns], names,
        _videos(opinions),
    )  # fmt: skip
    return LabelledSet(opinions.name, clips.take(clips.scored & clips.tagged), None)


def _videos(opinions: ViewerOpinions) -> NDArray[np.int64]:
    """Return the clips' lists as videos; where there is one list alone, each clip is its own."""
    return opinions.ranked_with if opinions.ranked_with.any() else np.arange(opinions.clips, dtype=np.int64)


def _scores(opinions: ViewerOpinions, of: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation of some opinions per clip on 0-10; NaN below five of them."""
    low, high = opinions.opinion.min(), opinions.opinion.max()
    scaled = (opinions.opinion - low) / (high - low) * MAX_SCORE
    count = opinions.per_clip(of)
    count = np.where(count < _LEAST_OPINIONS, np.nan, count)
    mean = opinions.per_clip(of, scaled) / count
    variance = opinions.per_clip(of, scaled**2) / count - mean**2
    return mean.astype(np.float32), np.sqrt(np.maximum(variance, 0)).astype(np.float32)
