"""Weak pairs: of two clips the one that viewers prefer, and how sure their behaviour makes us. Topic `weak-pairs`, compacted.

One JSON object a video holds all pairs in which a clip of it is preferred, and takes the place of the one before. Columns
instead of objects, since there are many: `pairs.confidence[i]` belongs to `pairs.preferred[i]`.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.interactions import Identifier
from schemas.supervised import ClipIndex

Count = Annotated[int, Field(ge=0)]
Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Offset = Annotated[int, Field(ge=-1)]


class Lineage(BaseModel):
    """From what a partition's part was made."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    topic: str = "interactions"
    """Of the interactions; what was written before this field was, was of the topic without a prefix."""
    partition: Annotated[int, Field(ge=0)]
    first_offset: Offset
    """First offset there that took part."""
    applied_offset: Offset
    """Last one."""
    supervised_offset: Offset
    """Last offset of topic supervised-scores."""
    exclusions_offset: Offset
    """Last offset of topic exclusions."""
    fingerprint: str
    """Of the rules that the statistics were made with."""


class PairColumns(BaseModel):
    """m pairs, each column with an entry of each."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    kind: list[Literal["share", "rewind", "fast_forward"]]
    """The kind of interaction that speaks for the pair."""
    preferred: list[ClipIndex]
    """Clip of this video."""
    other_video: list[Identifier]
    other: list[ClipIndex]
    confidence: list[Probability]
    """`(1 + confidence) / 2` is the probability that the pair is the right way round."""
    preferred_exposures: list[Count]
    """Distinct sessions that played the clip."""
    preferred_events: list[Count]
    """Distinct sessions with an interaction of the kind."""
    other_exposures: list[Count]
    other_events: list[Count]

    @model_validator(mode="after")
    def _equally_long(self) -> Self:
        lengths = {name: len(column) for name, column in self}
        if len(set(lengths.values())) > 1:
            message = f"columns have different lengths, {lengths}: give each pair one entry in each"
            raise ValueError(message)
        return self


class WeakPairs(BaseModel):
    """All pairs in which a clip of one video is preferred."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    schema_version: Literal[1]
    video_id: Identifier
    rule_version: str
    """Of the rules that the pairs were built by."""
    built_for_ms: int
    """Event time of the newest interaction in the library, Unix ms."""
    lineage: Annotated[tuple[Lineage, ...], Field(strict=False)]
    """Of all partitions: the prior is the library's, and pairs may join two partitions' clips."""
    pairs: PairColumns
