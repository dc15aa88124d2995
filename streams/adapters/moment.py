"""A moment: what one event of any source says about a player. And how fields of events are read."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum, auto
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import quote

from schemas.dead_letters import Reason, Rejection
from schemas.errors import ContractError
from schemas.limits import MAX_IDENTIFIER_LENGTH

_SAFE = "".join(chr(code) for code in range(33, 127) if chr(code) not in '"\\')


class Change(Enum):
    """What happened to a player at a moment."""

    PLAYS = auto()
    """It starts to play, or goes on playing, at `at_s`: a heartbeat too."""
    STOPS = auto()
    """It stands still at `at_s`."""
    WAITS = auto()
    """It stands still at `at_s`, waiting for data: perhaps because it is being moved there, of which it has said nothing."""
    ENDS = auto()
    """It is at the end, or is closed, at `at_s`."""
    JUMPS = auto()
    """It was moved from `from_s` to `at_s`."""
    LEAVES = auto()
    """It is being moved away from `at_s`."""
    LANDS = auto()
    """It has been moved to `at_s`. Some players say only this of a seek."""
    WATCHED = auto()
    """It has played from `from_s` to `at_s`."""


class Moment(NamedTuple):
    """One change of one player."""

    change: Change
    video_id: str
    session_id: str
    viewer_id: str | None
    time_ms: int
    """Unix ms, on the player's clock."""
    at_s: float
    from_s: float | None = None
    speed: float = 1.0
    """Seconds of the video in a second, as far as the player says."""


class Unreadable(ContractError):
    """An event that cannot be read as its source's specification says."""

    def __init__(self, reason: Reason, detail: str) -> None:
        """Say why."""
        super().__init__(detail)
        self.rejection = Rejection(reason, detail)


def field(event: Any, *path: str) -> Any:
    """Return what stands in an event under nested names.

    Raises:
        Unreadable: there is nothing.
    """
    value = optional(event, *path)
    if value is None:
        raise Unreadable(Reason.MISSING_FIELD, f"{'.'.join(path)}: this field is required")
    return value


def optional(event: Any, *path: str) -> Any:
    """Return what stands in an event under nested names, None where there is nothing."""
    for name in path:
        if not isinstance(event, Mapping):
            return None
        event = event.get(name)
    return event


def position(event: Any, *path: str) -> float:
    """Return a position in seconds; some players write numbers as text.

    Raises:
        Unreadable: it is no number from 0 on.
    """
    value = field(event, *path)
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0.0 <= seconds < math.inf:
        raise Unreadable(Reason.INVALID_FIELD, f"{'.'.join(path)} = {value!r:.80}: a number of seconds from 0 on is needed")
    return seconds


def time_ms(event: Any, *path: str) -> int:
    """Return an ISO 8601 time as Unix ms; UTC where it names no zone.

    Raises:
        Unreadable: it is none.
    """
    value = field(event, *path)
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise Unreadable(Reason.INVALID_FIELD, f"{'.'.join(path)} = {value!r:.80}: an ISO 8601 time is needed") from error
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


def identifier(value: Any, name: str) -> str:
    """Return an identifier of another system as one of ours.

    One that can be ours stays as it is; characters that ours cannot hold are percent-encoded, and what is too long is hashed.

    Raises:
        Unreadable: it is neither text nor a whole number, or empty.
    """
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        raise Unreadable(Reason.INVALID_FIELD, f"{name} = {value!r:.80}: text or a whole number is needed")
    text = quote(str(value), safe=_SAFE, errors="backslashreplace")
    return text if len(text) <= MAX_IDENTIFIER_LENGTH else blake2b(text.encode(), digest_size=16).hexdigest()
