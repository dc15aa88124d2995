"""How well scores agree with the true appeal of a simulated library, by how much behaviour a clip has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.clip_signals import signals_of, statistics_of
from benchmarks.system import viewers
from scoring.evaluation.comparison import Estimate, estimate, rho
from scoring.fusion import Signals, fuse
from scoring.simulation.library import Library
from streams.replay.simulate import SimulateSource

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SCORES: Final = ("supervised", "behaviour", "fused")
"""Behaviour: the score without what models say."""
EXPOSURES: Final = (("0", 0, 1), ("1-9", 1, 10), ("10-49", 10, 50), ("50+", 50, np.inf), ("all", 0, np.inf))

_FEWEST_CLIPS: Final = 5
"""Clips that a video needs for a correlation within it."""


@dataclass(frozen=True)
class SimulatedRow:
    """Spearman's rho with the true appeal, of the clips with some number of exposures."""

    events: int
    supervised: bool
    """Whether models have seen the videos."""
    exposures: str
    clips: float
    """Mean number over the seeds."""
    within_videos: dict[str, Estimate | None]
    """Mean over the videos with 5 clips or more; None where there is no such score."""
    over_library: dict[str, Estimate | None]
    coverage: Estimate | None
    """Share of the clips whose true appeal lies in the fused score's 90 % interval."""
    error: dict[str, Estimate | None]
    """Root mean square error on 0-10."""


class _Scored(NamedTuple):
    """C clips of one library."""

    library: Library
    exposures: NDArray[np.int64]
    scores: dict[str, Floats]
    covered: Mask


def simulated_agreement(events: Sequence[int], seeds: Sequence[int], videos: int) -> list[SimulatedRow]:
    """Return the rows.

    Args:
        events: about how many interactions; rows for each.
        seeds: of library and audience.
        videos: size of the library.
    """
    rows = []
    for count in events:
        scored = [_score(viewers(seed, count, videos)) for seed in seeds]
        for known in (True, False):
            rows += [_row(scored, count, known, name, low, high) for name, low, high in EXPOSURES]
    return rows


def _score(source: SimulateSource) -> _Scored:
    library = source.library
    statistics = statistics_of(source.batches())
    signals, exposures = signals_of(statistics, library.video_ids, library.first_clip)
    modelled = _with_models(signals, library)
    fused = fuse(modelled, statistics.prior)
    scores = dict(zip(SCORES, (modelled.score_mean, fuse(signals, statistics.prior).score, fused.score), strict=True))
    return _Scored(library, exposures, scores, (fused.low <= library.appeal) & (library.appeal <= fused.high))


def _with_models(signals: Signals, library: Library) -> Signals:
    """Add what supervised models say, of the videos that they have seen."""
    known = np.repeat(library.known, np.diff(library.first_clip))
    parts = (library.score_mean, library.score_sd, library.celebrity)
    mean, sd, celebrity = (np.where(known, part.astype(np.float64), np.nan) for part in parts)
    return signals._replace(score_mean=mean, score_sd=sd, celebrity=celebrity)


def _row(scored: Sequence[_Scored], events: int, known: bool, name: str, low: float, high: float) -> SimulatedRow:
    chosen = [
        (one.exposures >= low) & (one.exposures < high) & (np.repeat(one.library.known, np.diff(one.library.first_clip)) == known)
        for one in scored
    ]
    pairs = list(zip(scored, chosen, strict=True))

    def each(figure: Callable[[_Scored, str, Mask], float]) -> dict[str, Estimate | None]:
        return {score: estimate(np.array([figure(one, score, mask) for one, mask in pairs])) for score in SCORES}

    return SimulatedRow(
        events=events,
        supervised=known,
        exposures=name,
        clips=float(np.mean([mask.sum() for mask in chosen])),
        within_videos=each(_within_videos),
        over_library=each(_over_library),
        coverage=estimate(np.array([one.covered[mask].mean() if mask.any() else np.nan for one, mask in pairs])),
        error=each(_error),
    )


def _within_videos(scored: _Scored, score: str, chosen: Mask) -> float:
    edges = scored.library.first_clip
    rows = [first + np.flatnonzero(chosen[first:after]) for first, after in pairwise(edges.tolist())]
    figures = [_rho(scored, score, clips) for clips in rows if len(clips) >= _FEWEST_CLIPS]
    return float(np.mean(figures)) if figures else np.nan


def _over_library(scored: _Scored, score: str, chosen: Mask) -> float:
    clips = np.flatnonzero(chosen)
    return _rho(scored, score, clips) if len(clips) >= _FEWEST_CLIPS else np.nan


def _rho(scored: _Scored, score: str, clips: NDArray[np.int64]) -> float:
    said = scored.scores[score][clips]
    return np.nan if np.isnan(said).any() else rho(said, scored.library.appeal[clips].astype(np.float64))


def _error(scored: _Scored, score: str, chosen: Mask) -> float:
    if not chosen.any():
        return np.nan
    return float(np.sqrt(((scored.scores[score][chosen] - scored.library.appeal[chosen]) ** 2).mean()))
