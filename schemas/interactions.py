"""An interaction: one thing that a viewer did with a video. Topic `interactions`, one JSON object a message.

`Interaction` is the contract. The worker's hot path reads the same messages by columns (`schemas.columns`); a property
test holds the two together.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.limits import IDENTIFIER_PATTERN, MAX_POSITION_S, MAX_TIME_MS, MIN_TIME_MS

SCHEMA_VERSION = 1

KINDS = ("play", "share", "rewind", "fast_forward")
"""Kinds of interaction. A kind's place here is its code in columns and in state: only append."""

PLAY, SHARE, REWIND, FAST_FORWARD = range(4)

Identifier = Annotated[str, Field(pattern=IDENTIFIER_PATTERN)]
PositionS = Annotated[float, Field(ge=0.0, le=MAX_POSITION_S, allow_inf_nan=False)]


class Interaction(BaseModel):
    """One interaction.

    `from_s` and `to_s` are positions in the video, in seconds. For `play` and `share` they bound what was watched or cut
    out; for `rewind` and `fast_forward` they are where the seek left and where it landed. Positions are read
    at a resolution of one millisecond. Fields that this version does not know are ignored; a `schema_version` that it
    does not know is refused.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    schema_version: Literal[1]
    kind: Literal["play", "share", "rewind", "fast_forward"]
    video_id: Identifier
    session_id: Identifier
    viewer_id: Identifier | None = None
    occurred_at_ms: Annotated[int, Field(ge=MIN_TIME_MS, le=MAX_TIME_MS)]
    """Event time: Unix milliseconds at which the thing ended."""
    from_s: PositionS
    to_s: PositionS

    @property
    def from_ms(self) -> int:
        """Position `from_s` in milliseconds: the resolution at which positions are read."""
        return round(self.from_s * 1000.0)

    @property
    def to_ms(self) -> int:
        """Position `to_s` in milliseconds."""
        return round(self.to_s * 1000.0)

    def to_json(self) -> bytes:
        """Return the canonical message: fields in order, positions with three decimals."""
        viewer = "" if self.viewer_id is None else f'"viewer_id":"{self.viewer_id}",'
        return (
            f'{{"schema_version":1,"kind":"{self.kind}","video_id":"{self.video_id}","session_id":"{self.session_id}",'
            f'{viewer}"occurred_at_ms":{self.occurred_at_ms},'
            f'"from_s":{self.from_ms / 1000:.3f},"to_s":{self.to_ms / 1000:.3f}}}'
        ).encode()

    @model_validator(mode="after")
    def _direction(self) -> Self:
        wrong = {
            "play": self.to_ms < self.from_ms,
            "share": self.to_ms <= self.from_ms,
            "fast_forward": self.to_ms <= self.from_ms,
            "rewind": self.to_ms >= self.from_ms,
        }[self.kind]
        if wrong:
            message = f"a {self.kind} cannot lead from {self.from_s} s to {self.to_s} s: check the order of from_s and to_s"
            raise ValueError(message)
        return self
