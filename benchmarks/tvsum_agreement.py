"""How well scores agree with annotators of TVSum who were not among the viewers.

Of the 20 annotators of each video, some are viewers: their behaviour is simulated from their own score curves. One more
stands in for a decent supervised model. The mean of all the others is the consensus that scores are compared with.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.clip_signals import part_of, signals_of, statistics_of
from benchmarks.system import START_MS
from benchmarks.tvsum_audio import AudioSplit, audio_splits
from schemas.limits import CLIP_SECONDS, MAX_SCORE
from scoring.evaluation.comparison import Estimate, PairedDifference, estimate, paired_difference, tau
from scoring.fusion import Signals, fuse
from scoring.rates import RatePrior
from scoring.simulation.curves import CurveViewers, ScoreCurve, simulate_curves
from streams.replay.source import replay_batch
from streams.replay.tvsum import ANNOTATORS, CELL_MS, TvsumVideo, read_tvsum

Floats = NDArray[np.float64]

VIEWERS: Final = (3, 5, 10)
EXTRA_VIEWERS: Final = (0, 20)
SCORES: Final = ("fused", "supervised", "behaviour", "viewers' ratings", "random")
"""What is compared with the consensus. Behaviour: the score without a supervised output. The viewers' ratings: their mean, which
is what ideal behaviour could tell."""
FUSED_AGAINST: Final = SCORES[1:3]

_CELLS_OF_A_CLIP: Final = CLIP_SECONDS * 1000 // CELL_MS
_DURATION_MS: Final = 3_600_000


@dataclass(frozen=True)
class Advantage:
    """By how much the fused score is ahead: over the seeds, and over the videos (what other videos might have given)."""

    over_seeds: PairedDifference
    over_videos: Estimate

    def __str__(self) -> str:
        """Return the difference, its interval over the seeds, the seeds won, and the difference over the videos."""
        return f"{self.over_seeds} (videos {self.over_videos})"


@dataclass(frozen=True)
class TvsumRow:
    """Kendall's tau-b with the consensus, mean over videos, of one kind of supervised output and one audience."""

    supervised: str
    viewers: int
    extra_viewers: int
    """Drawn around each viewer."""
    exposures: float
    """Mean sessions that saw a clip."""
    behaviour_weight: float
    """Mean weight of behaviour in the fused score."""
    tau: dict[str, Estimate | None]
    fused_minus: dict[str, Advantage]


@dataclass(frozen=True)
class TvsumAgreement:
    """All rows, and what they were made from."""

    videos: int
    clips: int
    clips_of_a_video: tuple[int, float, int]
    """Fewest, median, most."""
    seeds: int
    rows: list[TvsumRow]


class _Dataset(NamedTuple):
    videos: tuple[TvsumVideo, ...]
    first_clip: NDArray[np.int64]
    ratings: list[Floats]
    """Per video, [ANNOTATORS, clips] on 0-10."""
    audio: list[AudioSplit]


class _Opinion(NamedTuple):
    """What supervised models say of one video."""

    video: int
    mean: Floats
    sd: float


class _Audience(NamedTuple):
    """Who watches, who stands in for a model, and who makes the consensus, per video; and what came of it."""

    viewers: list[NDArray[np.int64]]
    stand_in: list[int]
    others: list[NDArray[np.int64]]
    signals: Signals
    prior: RatePrior
    exposures: float


def tvsum_agreement(data: Path, seeds: int) -> TvsumAgreement:
    """Return the agreement over a number of seeds.

    Args:
        data: the folder that holds `tvsum/`.
        seeds: of the split into viewers and others, and of behaviour.
    """
    dataset = _read(data)
    counts = np.diff(dataset.first_clip)
    rows = [row for viewers in VIEWERS for extra in EXTRA_VIEWERS for row in _rows(dataset, viewers, extra, seeds)]
    rows.sort(key=lambda row: row.supervised)
    spread = (int(counts.min()), float(np.median(counts)), int(counts.max()))
    return TvsumAgreement(len(counts), int(counts.sum()), spread, seeds, rows)


def _read(data: Path) -> _Dataset:
    videos = read_tvsum(data)
    ratings = [_ratings(video) for video in videos]
    audio = audio_splits(data, [video.length_ms for video in videos], [rating.mean(axis=0) for rating in ratings])
    return _Dataset(videos, np.cumsum([0, *(rating.shape[1] for rating in ratings)]), ratings, audio)


def _ratings(video: TvsumVideo) -> Floats:
    """Return the annotations (1-5) as ratings of clips (0-10), [ANNOTATORS, clips]."""
    cells = video.scores.shape[1]
    first = np.arange(0, cells, _CELLS_OF_A_CLIP)
    ratings: Floats = np.add.reduceat(video.scores, first, axis=1) / np.diff(first, append=cells)
    return (ratings - 1) * (MAX_SCORE / 4)


def _rows(dataset: _Dataset, viewers: int, extra: int, seeds: int) -> Iterator[TvsumRow]:
    audiences = [_audience(dataset, viewers, extra, seed) for seed in range(seeds)]
    for name, opinions_of in (("audio", _audio_opinions), ("one annotator", _annotator_opinions)):
        taus, weights, videos = [], [], np.empty(0, np.int64)
        for seed, audience in enumerate(audiences):
            opinions = opinions_of(dataset, audience)
            rng = np.random.default_rng([seed, viewers, extra])
            agreements, weight = zip(*(_agreement(dataset, audience, opinion, rng) for opinion in opinions), strict=True)
            taus.append(agreements)
            weights.append(np.concatenate(weight).mean())
            videos = np.array([opinion.video for opinion in opinions])
        exposures = float(np.mean([audience.exposures for audience in audiences]))
        yield _row((name, viewers, extra, exposures, float(np.mean(weights))), np.array(taus), videos)


def _row(head: tuple[str, int, int, float, float], taus: Floats, videos: NDArray[np.int64]) -> TvsumRow:
    """Summarise tau [seeds, opinions, scores]; a video that is in several test sets is one video."""
    by_seed = taus.mean(axis=1)
    over_seeds = taus.mean(axis=0)
    by_video = np.array([over_seeds[videos == video].mean(axis=0) for video in np.unique(videos)])
    differences = {}
    for place, name in enumerate(FUSED_AGAINST, 1):
        over_videos = estimate(by_video[:, 0] - by_video[:, place])
        if over_videos:
            differences[name] = Advantage(paired_difference(by_seed[:, 0], by_seed[:, place]), over_videos)
    return TvsumRow(*head, {name: estimate(by_seed[:, place]) for place, name in enumerate(SCORES)}, differences)


def _audience(dataset: _Dataset, viewers: int, extra: int, seed: int) -> _Audience:
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(ANNOTATORS), (len(dataset.videos), 1)), axis=1)
    curves = [
        ScoreCurve(place, video.length_ms, video.scores[viewer])
        for place, video in enumerate(dataset.videos)
        for viewer in orders[place, :viewers]
    ]
    ids = tuple(video.video_id for video in dataset.videos)
    people = CurveViewers(curves, CELL_MS, extra)
    batches = simulate_curves(people, START_MS, _DURATION_MS, np.random.SeedSequence([seed, viewers, extra]))
    statistics = statistics_of(replay_batch(batch, ids) for batch in batches)
    signals, exposures = signals_of(statistics, ids, dataset.first_clip)
    return _Audience(
        viewers=[order[:viewers] for order in orders],
        stand_in=[int(order[viewers]) for order in orders],
        others=[order[viewers + 1 :] for order in orders],
        signals=signals,
        prior=statistics.prior,
        exposures=float(exposures.mean()),
    )


def _audio_opinions(dataset: _Dataset, _audience: _Audience) -> list[_Opinion]:
    return [
        _Opinion(video, mean, split.sd) for split in dataset.audio for video, mean in zip(split.test, split.mean, strict=True)
    ]


def _annotator_opinions(dataset: _Dataset, audience: _Audience) -> list[_Opinion]:
    """One annotator of each video; the deviation is the spread between the annotators of all other videos."""
    variances = [rating.var(axis=0, ddof=1) for rating in dataset.ratings]
    total, clips = sum(variance.sum() for variance in variances), sum(map(len, variances))
    return [
        _Opinion(video, rating[stand_in], float(np.sqrt((total - variance.sum()) / (clips - len(variance)))))
        for video, (rating, stand_in, variance) in enumerate(zip(dataset.ratings, audience.stand_in, variances, strict=True))
    ]


def _agreement(dataset: _Dataset, audience: _Audience, opinion: _Opinion, rng: np.random.Generator) -> tuple[list[float], Floats]:
    """Return tau with the consensus on one video for each of SCORES, and the weight of behaviour per clip."""
    video = opinion.video
    rows = slice(*dataset.first_clip[video : video + 2].tolist())
    ratings = dataset.ratings[video]
    signals = part_of(audience.signals, rows)
    behaviour = fuse(signals, audience.prior).score
    modelled = signals._replace(score_mean=opinion.mean, score_sd=np.full(len(opinion.mean), opinion.sd))
    fused = fuse(modelled, audience.prior)
    own = ratings[audience.viewers[video]].mean(axis=0)
    scores = (fused.score, opinion.mean, behaviour, own, rng.random(len(own)))
    consensus = ratings[audience.others[video]].mean(axis=0)
    return [tau(score, consensus) for score in scores], fused.behaviour_weight
