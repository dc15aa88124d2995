"""What a feed is asked for."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.limits import IDENTIFIER_PATTERN


class FeedQuery(BaseModel):
    """Which clips a feed ranks. Unset: all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    limit: Annotated[int, Field(ge=1, le=1_000)] = 20
    """How many clips at once."""
    category: Annotated[str, Field(max_length=128)] = ""
    """Only clips of videos of this category."""
    tag: Annotated[str, Field(max_length=128)] = ""
    """Only clips that have this tag with a probability of 0.5 or more."""
    video: Annotated[str, Field(pattern=f"{IDENTIFIER_PATTERN}|^$")] = ""
    """Only clips of this video."""
    minimum_confidence: Annotated[float, Field(ge=0, le=1)] = 0.0
    """1 minus the width of the score's 90 % interval, as a part of the scale: 0 lets every clip pass."""
    minimum_evidence: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    """Least number of distinct sessions that played the clip."""
    since: AwareDatetime | None = None
    """Only clips with an interaction at or after this time, for example 2026-11-24T00:00:00Z."""
    per_video: Annotated[int, Field(ge=0, le=1_000)] = 0
    """At most so many clips of one video; 0 is no limit."""


class PageQuery(FeedQuery):
    """A page of a feed."""

    cursor: Annotated[str, Field(pattern=r"^([0-9a-f]{8}-[0-9]{1,12}\.[0-9]{1,9}\.[0-9a-f]{16})?$")] = ""
    """`next` of the page before, with the same filters: the order is that of the first page, however scores move meanwhile."""
