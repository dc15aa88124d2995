"""An exclusion: a session or a viewer whose interactions are to be passed over, as if they had never been.

Topic `exclusions`, compacted by the key KIND:HASH. The identifier itself is not in it, only its keyed hash; a message without
a value takes the exclusion back. Every partition holds all exclusions, since a session may be in every partition.
"""

import re
from enum import StrEnum
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.dead_letters import Reason, Rejection, rejection_of

MAX_REASON_LENGTH: Final = 200
_KEY: Final = re.compile(rb"(session|viewer):([0-9a-f]{16})")


class ExclusionKind(StrEnum):
    """Whose interactions are passed over. A kind's place here is its code in the changelog: only append."""

    SESSION = "session"
    VIEWER = "viewer"


class Excluded(NamedTuple):
    """Who is excluded."""

    kind: ExclusionKind
    identifier: int
    """Hash of the identifier, see `schemas.hashing.hash_text`."""

    @property
    def key(self) -> str:
        """Key of the messages about it."""
        return f"{self.kind}:{self.identifier:016x}"

    @classmethod
    def of_key(cls, key: bytes | None) -> Self | Rejection:
        """Return whom a key names."""
        match = _KEY.fullmatch(key or b"")
        if match is None:
            return Rejection(Reason.INVALID_FIELD, f"key = {key!r:.80}: KIND:HASH is expected, as in session:00c0ffee00c0ffee")
        return cls(ExclusionKind(match[1].decode()), int(match[2], 16))


class Exclusion(BaseModel):
    """One exclusion: the message under the key of whom it excludes."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    schema_version: Literal[1] = 1
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON_LENGTH)]
    excluded_at_ms: Annotated[int, Field(ge=0)]
    """Unix milliseconds."""


def judge(key: bytes | None, value: bytes | None) -> Excluded | Rejection:
    """Return whom a message is about, or what is wrong with it."""
    try:
        if value is not None:
            Exclusion.model_validate_json(value)
    except ValidationError as error:
        return rejection_of(error)
    return Excluded.of_key(key)
