"""Dead letters: messages that could not be applied, with the reason why. Topic `dead-letters`.

The message is the original one, byte for byte: value, key and headers. What is said about it stands in added headers,
`highlights.*` (`headers_of`).
"""

from enum import StrEnum
from typing import NamedTuple

from pydantic import ValidationError


class Reason(StrEnum):
    """Why a message was not applied."""

    EMPTY_VALUE = "empty_value"
    TOO_LARGE = "too_large"
    INVALID_JSON = "invalid_json"
    UNKNOWN_SCHEMA_VERSION = "unknown_schema_version"
    UNKNOWN_KIND = "unknown_kind"
    INVALID_FIELD = "invalid_field"
    MISSING_FIELD = "missing_field"
    WRONG_PARTITION = "wrong_partition"
    TOO_LATE = "too_late"
    CLOCK_AHEAD = "clock_ahead"


class Rejection(NamedTuple):
    """A reason, and a text that names the field, the value and the way out."""

    reason: Reason
    detail: str


_REASON_OF_ERROR = {"json_invalid": Reason.INVALID_JSON, "missing": Reason.MISSING_FIELD}
_REASON_OF_FIELD = {"schema_version": Reason.UNKNOWN_SCHEMA_VERSION, "kind": Reason.UNKNOWN_KIND}
_LONGEST_VALUE_SHOWN = 80


def rejection_of(error: ValidationError) -> Rejection:
    """Return the rejection that the first error of a validation stands for."""
    first = error.errors(include_url=False, include_context=False)[0]
    field = ".".join(map(str, first["loc"]))
    reason = _REASON_OF_ERROR.get(first["type"]) or _REASON_OF_FIELD.get(field, Reason.INVALID_FIELD)
    if reason is Reason.INVALID_JSON:
        return Rejection(reason, first["msg"])
    if reason is Reason.MISSING_FIELD:
        return Rejection(reason, f"{field}: this field is required")
    shown = repr(first["input"])[:_LONGEST_VALUE_SHOWN]
    return Rejection(reason, f"{field or 'message'} = {shown}: {first['msg']}")


HEADER_PREFIX = "highlights."


def headers_of(rejection: Rejection, topic: str, partition: int, offset: int, timestamp_ms: int) -> list[tuple[str, bytes]]:
    """Return the headers that a dead letter gets in addition to its own."""
    facts = {
        "reason": rejection.reason.value,
        "detail": rejection.detail,
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "timestamp_ms": timestamp_ms,
    }
    return [(HEADER_PREFIX + name, str(fact).encode()) for name, fact in facts.items()]
