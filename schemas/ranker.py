"""Ranker scores: one release's opinion on the clips of one video. Topic `ranker-scores`, one JSON object a video, compacted."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.interactions import Identifier
from schemas.limits import MAX_SCORE
from schemas.supervised import ClipIndex, Name


class RankerClip(BaseModel):
    """A release's opinion on one clip."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    clip_index: ClipIndex
    score_mean: Annotated[float, Field(ge=0.0, le=MAX_SCORE, allow_inf_nan=False)]
    score_sd: Annotated[float, Field(gt=0.0, le=MAX_SCORE, allow_inf_nan=False)]


class RankerScores(BaseModel):
    """A release's opinion on the clips of one video."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    schema_version: Literal[1]
    release: Name
    video_id: Identifier
    clips: Annotated[tuple[RankerClip, ...], Field(strict=False)]
