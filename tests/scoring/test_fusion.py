"""Laws of the fused score."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from schemas.clickhouse import SIGNAL_POINTS
from schemas.interactions import FAST_FORWARD, PLAY, REWIND, SHARE
from scoring.fusion import MIDDLE, Fused, Signals, behaviour_opinion, fuse
from scoring.rates import POSITION_BINS, RatePrior, first_prior

_NAN = float("nan")
_exposures = st.just(0.0) | st.floats(2.0**-32, 1e5)  # what decay leaves of one session, at least
_parts = st.floats(0, 1.5)
_scores = st.floats(0, 10) | st.just(_NAN)
_deviations = st.floats(0.01, 10)


@st.composite
def _priors(draw: st.DrawFn) -> RatePrior:
    means = [[draw(st.floats(1e-6, 0.9))] * POSITION_BINS for _ in range(3)]
    return RatePrior(np.array(means), np.array([draw(st.floats(2, 1e5)) for _ in range(3)]), 0)


@st.composite
def _signals(draw: st.DrawFn) -> Signals:
    exposures, score, ranker = draw(_exposures), draw(_scores), draw(_scores)
    return _one(
        sessions=[exposures, *(exposures * draw(_parts) for _ in range(3))],
        score=score,
        score_sd=_NAN if np.isnan(score) else draw(_deviations),
        celebrity=draw(st.just(_NAN) | st.floats(0, 1)),
        ranker=ranker,
        ranker_sd=_NAN if np.isnan(ranker) else draw(_deviations),
        clip=draw(st.integers(0, 8_639)),
    )


def _one(
    sessions: list[float] | None = None,
    *,
    score: float = _NAN,
    score_sd: float = _NAN,
    celebrity: float = _NAN,
    ranker: float = _NAN,
    ranker_sd: float = _NAN,
    clip: int = 0,
) -> Signals:
    column = np.array(sessions or [0.0] * 4)[:, None]
    rest = (np.array([value]) for value in (score, score_sd, celebrity, ranker, ranker_sd))
    return Signals(np.array([clip]), column, *rest)


def _fuse(signals: Signals, prior: RatePrior | None = None) -> Fused:
    return Fused(*(part[0] for part in fuse(signals, prior or first_prior())))


@given(st.floats(0, 10), _deviations)
def test_without_behaviour_the_score_is_the_supervised_one(score: float, score_sd: float) -> None:
    """A clip that nobody has watched has the supervised mean and the interval of its deviation."""
    fused = _fuse(_one(score=score, score_sd=score_sd))
    assert fused.score == pytest.approx(score, rel=1e-15, abs=1e-300)
    assert fused.supervised_weight == 1
    assert np.isnan(fused.behaviour)
    half = 1.6448536269514722 * max(score_sd, 0.05)
    assert fused.low == pytest.approx(max(0, score - half))
    assert fused.high == pytest.approx(min(10, score + half))


def test_without_anything_the_score_is_the_middle_of_the_scale() -> None:
    """A clip of which nothing is known has 5.0 with an interval over most of the scale."""
    fused = _fuse(_one())
    assert fused.score == MIDDLE == 5.0
    assert fused.high - fused.low > 8
    assert fused.supervised_weight == fused.behaviour_weight == fused.ranker_weight == fused.celebrity_bonus == 0


@given(_signals(), _priors())
def test_all_is_on_the_scale_and_the_interval_holds_the_score(signals: Signals, prior: RatePrior) -> None:
    """Score, interval and behaviour stay within 0-10 in order; weights are parts of one whole."""
    fused = _fuse(signals, prior)
    assert 0 <= fused.low <= fused.score <= fused.high <= 10
    assert np.isnan(fused.behaviour) or 0 <= fused.behaviour <= 10
    weights = np.array([fused.supervised_weight, fused.behaviour_weight, fused.ranker_weight])
    assert (weights >= 0).all()
    assert weights.sum() <= 1 + 1e-12


@given(_signals(), _priors())
def test_what_signals_add_is_the_score(signals: Signals, prior: RatePrior) -> None:
    """The middle and the points of all signals are the worth; a signal that is missing has none."""
    fused = _fuse(signals, prior)
    points = np.array([getattr(fused, name) for name in SIGNAL_POINTS])
    assert MIDDLE + np.nansum(points) + fused.celebrity_bonus == pytest.approx(fused.worth)
    unseen = signals.sessions[PLAY, 0] == 0
    missing = [np.isnan(signals.score_mean[0]), np.isnan(signals.ranker_mean[0]), unseen, unseen, unseen]
    assert np.isnan(points).tolist() == missing


@given(_signals(), _priors(), st.floats(1.01, 100))
def test_behaviour_weighs_more_the_more_sessions_there_are(signals: Signals, prior: RatePrior, factor: float) -> None:
    """The same rates from more sessions have more weight, and make the interval no wider."""
    fewer, more = _fuse(signals, prior), _fuse(signals._replace(sessions=signals.sessions * factor), prior)
    assert more.behaviour_weight >= fewer.behaviour_weight
    if signals.sessions[PLAY, 0] > 1:
        assert more.behaviour_weight > fewer.behaviour_weight


@pytest.mark.parametrize(("kind", "sign"), [(SHARE, 1), (REWIND, 1), (FAST_FORWARD, -1)])
@given(signals=_signals(), prior=_priors(), more=st.floats(0, 1e5))
def test_a_signal_moves_the_score_to_its_side(kind: int, sign: int, signals: Signals, prior: RatePrior, more: float) -> None:
    """More shares or rewinds never lower a score, more fast-forwards never raise it."""
    sessions = signals.sessions.copy()
    sessions[kind] += more
    before, after = _fuse(signals, prior), _fuse(signals._replace(sessions=sessions), prior)
    assert sign * (after.score - before.score) >= -1e-9


@pytest.mark.parametrize("kind", [SHARE, REWIND, FAST_FORWARD])
def test_each_signal_has_a_say(kind: int) -> None:
    """Where one session in three gives a signal, the score is a point or more from where none does."""
    sessions = [300.0, 0.0, 0.0, 0.0]
    without = _fuse(_one(sessions, score=5, score_sd=1.5))
    sessions[kind] = 100.0
    assert abs(_fuse(_one(sessions, score=5, score_sd=1.5)).score - without.score) > 1


@given(_signals(), _priors())
def test_a_missing_signal_says_nothing(signals: Signals, prior: RatePrior) -> None:
    """Without ranker and celebrity the score is what the rest alone says; a vague ranker comes close to a missing one."""
    alone = _fuse(signals._replace(ranker_mean=np.array([_NAN]), ranker_sd=np.array([_NAN]), celebrity=np.array([_NAN])), prior)
    vague = _fuse(signals._replace(ranker_mean=np.array([3.0]), ranker_sd=np.array([1e9]), celebrity=np.array([0.0])), prior)
    assert alone.ranker_weight == 0
    assert alone.score == pytest.approx(vague.score, abs=1e-9)


@given(_signals(), _priors())
def test_signals_without_exposure_say_nothing(signals: Signals, prior: RatePrior) -> None:
    """Shares of a clip that no session has played have no rate, and change no score."""
    unseen = signals.sessions.copy()
    unseen[PLAY] = 0
    assert _fuse(signals._replace(sessions=unseen), prior) == pytest.approx(
        _fuse(signals._replace(sessions=np.zeros((4, 1))), prior), nan_ok=True
    )


@given(st.floats(0, 10), _deviations, st.floats(0, 10), _deviations)
def test_ranker_and_model_are_as_sure_as_the_surer_of_them(
    score: float, score_sd: float, ranker: float, ranker_sd: float
) -> None:
    """A ranker has seen what the model says: the two do not make the interval narrower than the better one does."""
    both = _fuse(_one(score=score, score_sd=score_sd, ranker=ranker, ranker_sd=ranker_sd))
    better = _fuse(_one(score=both.score, score_sd=min(score_sd, ranker_sd)))
    assert (both.low, both.high) == (pytest.approx(better.low), pytest.approx(better.high))
    assert min(score, ranker) - 1e-9 <= both.score <= max(score, ranker) + 1e-9


@given(st.floats(0, 10))
def test_without_model_and_behaviour_the_score_is_the_rankers(ranker: float) -> None:
    """A clip that only a ranker has an opinion on has that opinion, if it is surer than who knows nothing."""
    fused = _fuse(_one(ranker=ranker, ranker_sd=1.5))
    assert fused.score == pytest.approx(ranker)
    assert fused.ranker_weight == pytest.approx(1)


def test_usual_rates_leave_the_score_alone() -> None:
    """A clip whose rates are the medians of the prior has the middle of the scale, but for a tenth of a point."""
    prior = first_prior()
    mean, strength = prior.mean[:, 0], prior.strength
    sessions = [1e6, *(1e6 * beta.median(mean * strength, (1 - mean) * strength))]
    assert _fuse(_one(sessions), prior).behaviour == pytest.approx(MIDDLE, abs=0.1)


def test_rates_of_a_skewed_library_have_gaussian_scores() -> None:
    """Of rare, skewed rates, the one that one clip in a thousand has is three deviations above the middle, not ten."""
    mean, strength = 0.03, 11.0
    prior = RatePrior(np.full((3, POSITION_BINS), mean), np.full(3, strength), 0)
    rare = beta.ppf(0.999, mean * strength, (1 - mean) * strength)
    opinion, _ = behaviour_opinion(np.array([[1e6], [1e6 * rare], [0], [0]]), np.array([0]), prior)
    none, _ = behaviour_opinion(np.array([[1e6], [0], [0], [0]]), np.array([0]), prior)
    per_deviation = 2.0 / 0.6 * 0.36 / (1 - 0.36) / (0.36 / (1 - 0.36) + 0.25 / (1 - 0.25) + 0.16 / (1 - 0.16))
    assert (opinion[0] - none[0]) / per_deviation == pytest.approx(3.1 + 1.5, abs=0.4)


def test_few_sessions_never_leave_an_interval_of_nothing() -> None:
    """Six shares of nineteen sessions are much, but no certainty: the interval keeps a point and more."""
    fused = _fuse(_one([19.0, 6.0, 0.0, 0.0]))
    assert fused.score > 8
    assert fused.high - fused.low > 1


@pytest.mark.parametrize("exposures", [20, 2_000])
def test_the_opinion_of_behaviour_has_no_bias_and_an_honest_precision(exposures: int) -> None:
    """Rates that follow worth as assumed tell a worth of 7 on average, and scatter round it as widely as the precision says."""
    rng, count, strength, mean = np.random.default_rng(5), 20_000, 200.0, 0.5
    prior = RatePrior(np.full((3, POSITION_BINS), mean), np.full(3, strength), 0)
    follows = np.array([0.6, 0.5, -0.4])[:, None]
    deviation = follows * (7 - MIDDLE) / 2 + np.sqrt(1 - follows**2) * rng.standard_normal((3, count))
    rate = mean + deviation * np.sqrt(mean * (1 - mean) / (strength + 1))
    sessions = np.vstack([np.full(count, exposures), rng.binomial(exposures, rate)]).astype(np.float64)
    opinion, precision = behaviour_opinion(sessions, np.zeros(count, np.int64), prior)
    assert opinion.mean() == pytest.approx(7, abs=0.15)
    assert opinion.std() == pytest.approx(precision[0] ** -0.5, rel=0.03)


@given(_signals(), _priors())
def test_behaviour_is_the_score_of_behaviour_alone(signals: Signals, prior: RatePrior) -> None:
    """What is shown of behaviour is the score that the clip would have without model, ranker and celebrity."""
    alone = _fuse(_one(signals.sessions[:, 0].tolist(), clip=int(signals.clip_index[0])), prior)
    fused = _fuse(signals, prior)
    assert fused.behaviour == pytest.approx(alone.score if signals.sessions[PLAY, 0] > 0 else _NAN, nan_ok=True)


@given(st.floats(0, 10), st.floats(0, 1))
def test_celebrity_is_a_bonus_of_at_most_one_point(score: float, celebrity: float) -> None:
    """Importance adds to the score in proportion, up to one point, within the scale."""
    fused = _fuse(_one(score=score, score_sd=1.0, celebrity=celebrity))
    assert fused.celebrity_bonus == celebrity
    assert fused.score == pytest.approx(min(10.0, score + celebrity))


def test_clips_are_fused_one_by_one() -> None:
    """A clip has the same score alone and among others."""
    signals = [_one([50.0, 3.0, 2.0, 1.0], score=4, score_sd=1), _one(clip=7), _one([9.0, 9.0, 0.0, 0.0], clip=100)]
    together = fuse(
        Signals(*(np.concatenate(parts, axis=-1) for parts in zip(*signals, strict=True))),
        first_prior(),
    )
    for place, one in enumerate(signals):
        np.testing.assert_array_equal([part[place] for part in together], list(_fuse(one)))


def test_worth_orders_clips_whose_scores_stand_at_the_bound() -> None:
    """Of two clips at 10, the one that more sessions shared is worth more."""
    fewer, more = (_fuse(_one([1000.0, shares, 500.0, 0.0])) for shares in (600.0, 900.0))
    assert fewer.score == more.score == 10.0
    assert more.worth > fewer.worth > 10.0
