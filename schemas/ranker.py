"""Ranker scores: a release's opinion on clips. Topic `ranker-scores`, compacted.

A release is sent as one message a video under the key RELEASE/VIDEO, then, in every partition, one under the key `current`
that says that the release is complete there. Until that one has come, the scores of the release before it hold.
"""

from collections import Counter
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from schemas.dead_letters import Reason, Rejection, rejection_of
from schemas.interactions import Identifier
from schemas.limits import MAX_SCORE
from schemas.supervised import ClipIndex

CURRENT_KEY: Final = b"current"

Release = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
"""Name of a release."""


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
    release: Release
    video_id: Identifier
    clips: Annotated[tuple[RankerClip, ...], Field(strict=False)]

    @field_validator("clips")
    @classmethod
    def _each_clip_once(cls, clips: tuple[RankerClip, ...]) -> tuple[RankerClip, ...]:
        times = Counter(clip.clip_index for clip in clips)
        if len(times) < len(clips):
            message = f"clip_index {times.most_common(1)[0][0]} stands there more than once: give each clip one entry"
            raise ValueError(message)
        return clips

    @property
    def key(self) -> bytes:
        """Key of the message: no release takes away what another has said."""
        return f"{self.release}/{self.video_id}".encode()


class CurrentRelease(BaseModel):
    """Says that a release is complete in a partition, and holds from here on."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    schema_version: Literal[1]
    release: Release
    videos: Annotated[int, Field(ge=0)]
    """Messages of the release in this partition."""


def judge_ranker(key: bytes | None, value: bytes) -> RankerScores | CurrentRelease | Rejection:
    """Return what a message says, or what is wrong with it."""
    try:
        if key == CURRENT_KEY:
            return CurrentRelease.model_validate_json(value)
        scores = RankerScores.model_validate_json(value)
    except ValidationError as error:
        return rejection_of(error)
    if key != scores.key:
        return Rejection(Reason.INVALID_FIELD, f"key = {key!r:.120}: RELEASE/VIDEO is expected, {scores.key!r:.120}")
    return scores
