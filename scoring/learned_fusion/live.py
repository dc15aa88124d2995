"""The learned fusion on a worker's columns: the same signals as the built-in one has, and the same parts of its scores.

A kind of interaction speaks by its rate's normal score among the rates that are usual at the clip's position, whose chance is
its known spread (see `scoring.fusion`); a fast-forward speaks against the clip, so its score is turned round.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.fusion import LearnedFusion, LearnedSignal, SignalName
from schemas.interactions import PLAY
from schemas.limits import MAX_SCORE
from scoring.fusion import Fused, Signals, behaviour_evidence
from scoring.learned_fusion.maps import MonotoneMap
from scoring.learned_fusion.model import FusionModel, SignalTable
from scoring.rates import RatePrior

Floats = NDArray[np.float64]

LEARNED: Final[tuple[SignalName, ...]] = ("supervised", "ranker")
"""Signals that are learned themselves, see `lesson`."""
BEHAVIOUR: Final[tuple[SignalName, ...]] = ("share", "rewind", "fast_forward")
"""In the order of SIGNAL_KINDS."""
SIGNALS: Final[tuple[SignalName, ...]] = (*LEARNED, "celebrity", *BEHAVIOUR)
_SIGN = np.array([[1.0], [1.0], [-1.0]])


def signal_table(signals: Signals, prior: RatePrior) -> SignalTable:
    """Return what is known of n clips as SIGNALS, [6, n]."""
    seen = signals.sessions[PLAY] > 0
    normal, chance = behaviour_evidence(signals.sessions, signals.clip_index, prior)
    value = np.stack([signals.score_mean, signals.ranker_mean, signals.celebrity, *np.where(seen, _SIGN * normal, np.nan)])
    known = np.nan_to_num(np.stack([signals.score_sd, signals.ranker_sd, np.zeros(len(seen))]))
    return SignalTable(value, np.concatenate([known, np.where(seen, np.sqrt(chance), 0.0)]))


def fuse_learned(model: FusionModel, signals: Signals, prior: RatePrior) -> Fused:
    """Fuse the signals of n clips by a learned fusion of all SIGNALS."""
    table = signal_table(signals, prior)
    fused, weight = model.fuse(table), model.weights(table)
    behaviour = [SIGNALS.index(name) for name in BEHAVIOUR]
    alone = np.full_like(table.value, np.nan)
    alone[behaviour] = table.value[behaviour]
    seen = signals.sessions[PLAY] > 0
    points = dict(zip(SIGNALS, np.where(np.isnan(table.value), np.nan, fused.parts), strict=True))
    return Fused(
        score=fused.score,
        worth=fused.worth,
        low=fused.low,
        high=fused.high,
        behaviour=np.where(seen, np.clip(model.fuse(SignalTable(alone, table.spread)).worth, 0.0, MAX_SCORE), np.nan),
        supervised_weight=weight[SIGNALS.index("supervised")],
        behaviour_weight=weight[behaviour].sum(axis=0),
        ranker_weight=weight[SIGNALS.index("ranker")],
        celebrity_bonus=fused.parts[SIGNALS.index("celebrity")],
        supervised_points=points["supervised"],
        ranker_points=points["ranker"],
        share_points=points["share"],
        rewind_points=points["rewind"],
        fast_forward_points=points["fast_forward"],
    )


def model_of(fusion: LearnedFusion) -> FusionModel:
    """Return the fusion of all SIGNALS that a release's numbers say; a signal that it does not name says nothing."""
    by_name = {signal.name: signal for signal in fusion.signals}
    signals = [
        by_name.get(name) or LearnedSignal(name=name, knots=(0.0,), points=(fusion.mean,), misfit=None) for name in SIGNALS
    ]
    return FusionModel(
        names=SIGNALS,
        maps=tuple(MonotoneMap(np.array(signal.knots), np.array(signal.points)) for signal in signals),
        misfit=np.array([np.inf if signal.misfit is None else signal.misfit for signal in signals]),
        shared=fusion.shared,
        mean=fusion.mean,
        variance=fusion.variance,
        half_width=fusion.half_width,
    )


def numbers_of(model: FusionModel) -> LearnedFusion:
    """Return the numbers of a fusion of SIGNALS; `model_of` makes the same of them, to the bit."""
    signals = [
        LearnedSignal(
            name=name,
            knots=tuple(curve.knots.tolist()),
            points=tuple(curve.points.tolist()),
            misfit=float(misfit) if np.isfinite(misfit) else None,
        )
        for name, curve, misfit in zip(SIGNALS, model.maps, model.misfit, strict=True)
    ]
    return LearnedFusion(
        signals=tuple(signals), shared=model.shared, mean=model.mean, variance=model.variance, half_width=model.half_width
    )
