"""Supervised outputs: what models said of one video, cached. Topic `supervised-scores`, one JSON object a video, compacted."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from schemas.interactions import Identifier
from schemas.limits import CLIP_SECONDS, MAX_POSITION_S, MAX_SCORE

SCHEMA_VERSION = 1

Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=128)]
Tag = Annotated[str, Field(min_length=1, max_length=64)]
ClipIndex = Annotated[int, Field(ge=0, le=int(MAX_POSITION_S) // CLIP_SECONDS)]


class SupervisedClip(BaseModel):
    """What models said of one clip."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    clip_index: ClipIndex
    score_mean: Annotated[float, Field(ge=0.0, le=MAX_SCORE, allow_inf_nan=False)]
    """Mean of the score's distribution on 0-10."""
    score_sd: Annotated[float, Field(gt=0.0, le=MAX_SCORE, allow_inf_nan=False)]
    """Its standard deviation."""
    tags: dict[Tag, Probability] = {}
    celebrity: Probability | None = None
    """Importance of the people in the clip."""


class SupervisedOutput(BaseModel):
    """What models said of one video: it replaces all that was said of it before."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    schema_version: Literal[1]
    video_id: Identifier
    model_version: Name
    category: Name | None = None
    clips: Annotated[tuple[SupervisedClip, ...], Field(strict=False)]

    @field_validator("clips")
    @classmethod
    def _each_clip_once(cls, clips: tuple[SupervisedClip, ...]) -> tuple[SupervisedClip, ...]:
        seen = [clip.clip_index for clip in clips]
        if len(set(seen)) < len(seen):
            twice = next(index for index in seen if seen.count(index) > 1)
            message = f"clip_index {twice} stands there more than once: give each clip one entry"
            raise ValueError(message)
        return clips
