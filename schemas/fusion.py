"""Fusion releases: what signals are worth, as learned from labelled clips. Topic `fusion-releases`, compacted.

A release is some two hundred numbers, so one message under the key `current` in every partition is all of it: from that message
on it holds there. A message without a fusion lets the built-in one of `scoring.fusion` hold again.
"""

from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.dead_letters import Reason, Rejection, rejection_of
from schemas.ranker import CURRENT_KEY, Release

MAX_KNOTS: Final = 64
MAX_NUMBER: Final = 1e9
"""Of knots, points and means, either way."""
MAX_SLOPE: Final = 1e50
"""Points of one unit of a signal: its square is finite, whatever the signal's spread."""
LEAST_MISFIT: Final = 0.01
"""Square points: no signal is surer than what labels are good for, and a precision is a number."""

SignalName = Literal["supervised", "ranker", "celebrity", "share", "rewind", "fast_forward"]
_Bounded = Annotated[float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER, allow_inf_nan=False)]
_Variance = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
_Curve = Annotated[tuple[_Bounded, ...], Field(min_length=1, max_length=MAX_KNOTS, strict=False)]


class LearnedSignal(BaseModel):
    """What one signal is worth."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    name: SignalName
    knots: _Curve
    """Values of the signal, nowhere falling."""
    points: _Curve
    """What they are worth on 0-10, not bound to it, nowhere falling."""
    misfit: Annotated[float, Field(ge=LEAST_MISFIT, allow_inf_nan=False)] | None
    """Variance of the signal's own error, square points; None for a signal that says nothing."""

    @model_validator(mode="after")
    def _check_curve(self) -> Self:
        if len(self.knots) != len(self.points):
            message = f"{self.name}: {len(self.knots)} knots and {len(self.points)} points"
            raise ValueError(message)
        if any(after < before for curve in (self.knots, self.points) for before, after in pairwise(curve)):
            message = f"{self.name}: its curve falls"
            raise ValueError(message)
        parts = [*pairwise(range(len(self.knots))), (0, -1)]
        if any(self.points[b] - self.points[a] > MAX_SLOPE * (self.knots[b] - self.knots[a]) > 0 for a, b in parts):
            message = f"{self.name}: its curve is too steep"
            raise ValueError(message)
        return self


class LearnedFusion(BaseModel):
    """The numbers of a learned fusion, see `scoring.learned_fusion.model`."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    signals: Annotated[tuple[LearnedSignal, ...], Field(min_length=1, strict=False)]
    shared: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    mean: _Bounded
    variance: _Variance
    half_width: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = [signal.name for signal in self.signals]
        if len(set(names)) < len(names):
            message = f"a signal is there twice among {', '.join(names)}"
            raise ValueError(message)
        return self


class FusionRelease(BaseModel):
    """A fusion that holds from its message on."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    schema_version: Literal[1]
    release: Release
    fusion: LearnedFusion | None
    """None for the built-in one."""


def judge_fusion(key: bytes | None, value: bytes) -> FusionRelease | Rejection:
    """Return what a message says, or what is wrong with it."""
    if key != CURRENT_KEY:
        return Rejection(Reason.INVALID_FIELD, f"key = {key!r:.120}: {CURRENT_KEY!r} is expected")
    try:
        return FusionRelease.model_validate_json(value)
    except ValidationError as error:
        return rejection_of(error)
