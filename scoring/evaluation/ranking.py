"""How well rankers learn from few viewers what others think: with and without confidence and graph, and with wrong pairs.

Half of the viewers, the same in every experiment, are judges: they say what is true, and nothing else of theirs is used. The
other half may watch. Of them each seed draws a few, whose likings alone become weak pairs; a seed also draws which pairs
are made wrong, and starts the networks. So an interval over seeds is about that drawing, not about other judges.

Where clips are labelled, the rest of those that may watch are annotators, whose mean opinion on a few clips is known; the
judges then decide about the other clips.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from schemas.errors import ConfigurationError
from schemas.interactions import KINDS, PLAY, SHARE
from scoring.evaluation.comparison import tau
from scoring.evaluation.opinions import ViewerOpinions
from scoring.evaluation.pair_calibration import Likings, calibration_errors
from scoring.evaluation.ranking_conditions import Condition, Method, Trials, all_trials, words_of
from scoring.graph.combine import combine
from scoring.graph.neighbours import feature_similarity
from scoring.graph.sessions import co_session_votes, similarity_of
from scoring.graph.structure import graph_structure
from scoring.pairs.build import NO_CATEGORY, ClipStatistics, PairRules, build_pairs
from scoring.ranker.annotated import annotated_pairs, tell_apart
from scoring.ranker.dataset import Library, RankedPairs, RankingDataset
from scoring.ranker.inputs import inputs_of, scale_of_library
from scoring.ranker.training import RankerConfig, TooFewPairsError, train
from scoring.rates import RatePrior, fit_prior, posterior

Floats = NDArray[np.float64]

_LEAST_OPINIONS: Final = 5
_RULES: Final = PairRules(kinds=(SHARE,), least_exposures=1, pairs_per_clip=100)
_NEIGHBOURS: Final = 20
_LABEL_DISTANCES: Final = 8
_PLACES: Final = 32


class Findings(NamedTuple):
    """What was found, per seed."""

    tau: dict[tuple[Condition, Method], list[float]]
    calibration: dict[tuple[Condition, str], list[float]]


class _Told(NamedTuple):
    """What rankers learn from under one condition."""

    pairs: RankedPairs
    labels: Floats
    """[n] mean opinion of the annotators above their own means; NaN where a clip has no label."""

    @property
    def labelled(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.labels)


class _Ground(NamedTuple):
    """What is the same for every seed."""

    data: ViewerOpinions
    watchers: NDArray[np.int64]
    above: Floats
    """[m] opinions above the viewers' own means."""
    truth: Floats
    """[n] mean opinion of the judges above their own means; NaN where too few have one."""
    judges: Likings
    graph: csr_array
    places: NDArray[np.float32]


def find(
    data: ViewerOpinions,
    seeds: int,
    config: RankerConfig,
    progress: Callable[[str], None] = lambda _: None,
    trials: Trials | None = None,
) -> Findings:
    """Train every method under every condition.

    Args:
        data: many viewers' opinions.
        seeds: how often.
        config: of the rankers; `weighted` is set by each method.
        progress: told before each training, in words.
        trials: what is tried; all of the report when None.

    Raises:
        ConfigurationError: the viewers are too few to judge.
    """
    ground, trials = _ground_of(data), trials or all_trials()
    findings = Findings({}, {})
    for seed in range(seeds):
        for weak in sorted({condition.weak for condition in trials}):
            pairs, errors = _weak_pairs(ground, weak, seed)
            for metric, error in errors.items():
                findings.calibration.setdefault((Condition(weak, 0.0), metric), []).append(error)
            for condition in (condition for condition in trials if condition.weak == weak):
                told = _told(ground, pairs, condition, seed)
                for method in trials[condition]:
                    progress(f"{data.name}, seed {seed + 1} of {seeds}, {words_of(condition)}: {method.name}")
                    ranked = _ranked(ground, told, method, config, seed)
                    findings.tau.setdefault((condition, method), []).append(_agreement(ground, ranked, ~told.labelled))
    return findings


def without_judges(data: ViewerOpinions) -> ViewerOpinions:
    """Return the opinions of those who are not judges: what settings may be chosen by."""
    return data.only(judges_and_watchers(data)[1])


def judges_and_watchers(data: ViewerOpinions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the viewers who decide, half of all, and those who may watch."""
    judges, watchers = np.array_split(np.random.default_rng(0).permutation(data.viewers), 2)
    return judges, watchers


def turn_round(pairs: RankedPairs, part: float, rng: np.random.Generator) -> RankedPairs:
    """Return the pairs with a random part of them the other way round, at the confidence that they had."""
    turned = rng.random(len(pairs.preferred)) < part
    preferred, other = np.where(turned, (pairs.other, pairs.preferred), (pairs.preferred, pairs.other))
    return RankedPairs(preferred, other, pairs.confidence)


def _ground_of(data: ViewerOpinions) -> _Ground:
    judges, watchers = judges_and_watchers(data)
    theirs = data.by_viewers(judges)
    above = data.above_own_mean()
    truth = _mean_opinion(data, theirs, above)
    if next(_judged_lists(data.ranked_with, ~np.isnan(truth)), None) is None:
        message = (
            f"{data.name}: half of the {data.viewers} viewers are judges, and no two clips have opinions of {_LEAST_OPINIONS} of "
            "them: give more viewers, or viewers of the same clips"
        )
        raise ConfigurationError(message)
    likeness = _likeness(data, data.by_viewers(watchers))
    places = graph_structure(likeness, min(_PLACES, data.clips), seed=0)
    by_judges = Likings(data.per_clip(theirs), data.per_clip(theirs & (above > 0)))
    return _Ground(data, watchers, above, truth, by_judges, combine([(likeness, 1.0)], _NEIGHBOURS), places)


def _mean_opinion(data: ViewerOpinions, theirs: NDArray[np.bool_], above: Floats) -> Floats:
    seen = data.per_clip(theirs)
    return np.where(seen >= _LEAST_OPINIONS, data.per_clip(theirs, above) / np.maximum(seen, 1), np.nan)


def _likeness(data: ViewerOpinions, watched: NDArray[np.bool_]) -> csr_array:
    """Return which clips are alike: watched by the same viewers, or where all watch all, near each other in features."""
    if data.chosen:
        ones = np.ones(int(watched.sum()), np.float32)
        return similarity_of(co_session_votes(data.viewer[watched], data.clip[watched], ones, data.clips))
    library = Library(data.features)
    return feature_similarity(inputs_of(library, scale_of_library(library)), _NEIGHBOURS, seed=0)


def _weak_pairs(ground: _Ground, weak: float, seed: int) -> tuple[RankedPairs, dict[str, float]]:
    """Return the pairs that a few viewers' likings make, and how well calibrated they are."""
    data = ground.data
    theirs = data.by_viewers(_drawn(ground, weak, seed)[0])
    counts = np.zeros((len(KINDS), data.clips), np.uint32)
    counts[PLAY], counts[SHARE] = data.per_clip(theirs), data.per_clip(theirs & (ground.above > 0))
    nowhere = np.zeros(data.clips, np.int64)
    prior = fit_prior(counts, nowhere, fitted_offset=0, least_exposures=2)
    clips = ClipStatistics(data.ranked_with.astype(np.uint64), nowhere + NO_CATEGORY, np.arange(data.clips), counts)
    built = build_pairs(clips, _without_position(prior), _RULES)
    pairs = RankedPairs(built.preferred, built.other, built.confidence)
    return pairs, calibration_errors(pairs, posterior(counts.astype(np.float64), nowhere, prior), ground.judges)


def _drawn(ground: _Ground, weak: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the viewers whose likings make the pairs, and the others that may watch."""
    count = min(max(round(weak * ground.data.viewers), 1), len(ground.watchers))
    drawn = np.random.default_rng([seed, 0]).permutation(ground.watchers)
    return drawn[:count], drawn[count:]


def _told(ground: _Ground, pairs: RankedPairs, condition: Condition, seed: int) -> _Told:
    """Return what rankers are told: pairs, some of them turned round, and labels of some clips."""
    turned = turn_round(pairs, condition.wrong, np.random.default_rng([seed, 1]))
    lists = ground.data.ranked_with if ground.data.ranked_with.any() else np.arange(ground.data.clips)
    chosen = np.random.default_rng([seed, 2]).permutation(lists.max() + 1)[: round(condition.labelled * (lists.max() + 1))]
    annotators = ground.data.by_viewers(_drawn(ground, condition.weak, seed)[1])
    return _Told(turned, np.where(np.isin(lists, chosen), _mean_opinion(ground.data, annotators, ground.above), np.nan))


def _without_position(prior: RatePrior) -> RatePrior:
    """Return the prior of position 0 for all positions: clips are numbered here in no order that viewers see."""
    return prior._replace(mean=np.repeat(prior.mean[:, :1], prior.mean.shape[1], axis=1))


def _ranked(ground: _Ground, told: _Told, method: Method, config: RankerConfig, seed: int) -> Floats:
    """Return what a ranker says of every clip; the same of all where there is too little to learn from."""
    graph, places = ground.graph if method.graph else None, ground.places if method.places else None
    library = Library(ground.data.features, graph, places)
    pairs = told.pairs if method.pairs else annotated_pairs(told.labels, ground.data.ranked_with, _LABEL_DISTANCES)
    labels = told.labels.astype(np.float32) if method.labels and tell_apart(told.labels) else None
    try:
        ranker = train(RankingDataset(library, pairs, labels), replace(config, weighted=method.weighted), seed)
    except TooFewPairsError:
        return np.zeros(ground.data.clips)
    return ranker.score(library).mean.astype(np.float64)


def _agreement(ground: _Ground, worth: Floats, asked: NDArray[np.bool_]) -> float:
    """Return the mean over lists of tau with the judges on some clips; lists of fewer than two judged ones say nothing."""
    lists = _judged_lists(ground.data.ranked_with, ~np.isnan(ground.truth) & asked)
    taus = [tau(worth[rows], ground.truth[rows]) for rows in lists]
    return float(np.mean(taus)) if taus else np.nan


def _judged_lists(of: NDArray[np.int64], judged: NDArray[np.bool_]) -> Iterator[NDArray[np.int64]]:
    """Yield the judged rows of each list that has two of them."""
    lists, count = np.unique(of[judged], return_counts=True)
    for one in lists[count > 1].tolist():
        yield np.flatnonzero(judged & (of == one))
