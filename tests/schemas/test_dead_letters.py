"""Dead letters: why a message was refused, and the headers that say so."""

import pytest

from schemas.columns import judge
from schemas.dead_letters import HEADER_PREFIX, Reason, Rejection, headers_of

_LIMIT = 1 << 16
_VALID = '{"schema_version":1,"kind":"play","video_id":"v","session_id":"s","occurred_at_ms":1790000000000,"from_s":0,"to_s":1}'


def _rejection(value: bytes | None) -> Rejection:
    judged = judge(value, _LIMIT)
    assert isinstance(judged, Rejection)
    return judged


def test_headers_say_where_a_message_came_from_and_why() -> None:
    """The headers hold reason, detail, topic, partition, offset and time stamp as text."""
    headers = dict(headers_of(Rejection(Reason.TOO_LATE, "because é of time"), "interactions", 3, 17, 1_790_000_000_000))
    assert headers == {
        f"{HEADER_PREFIX}reason": b"too_late",
        f"{HEADER_PREFIX}detail": "because é of time".encode(),
        f"{HEADER_PREFIX}topic": b"interactions",
        f"{HEADER_PREFIX}partition": b"3",
        f"{HEADER_PREFIX}offset": b"17",
        f"{HEADER_PREFIX}timestamp_ms": b"1790000000000",
    }


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.EMPTY_VALUE),
        (b"", Reason.EMPTY_VALUE),
        (b" ", Reason.INVALID_JSON),
        (b"[" * 50_000, Reason.INVALID_JSON),
        (b'{"schema_version":' + b"9" * 5_000 + b"}", Reason.INVALID_JSON),
        (b'{"schema_version":' + b"9" * 4_300 + b"}", Reason.UNKNOWN_SCHEMA_VERSION),
        (b'{"schema_version":1,"kind":"\\ud800"}', Reason.INVALID_JSON),
        (b'{"schema_version":1,"kind":"\xff"}', Reason.INVALID_JSON),
        (b"7", Reason.INVALID_FIELD),
        (b"null", Reason.INVALID_FIELD),
        (b"{}", Reason.MISSING_FIELD),
        (b" " * (_LIMIT + 1), Reason.TOO_LARGE),
    ],
)
def test_any_bytes_get_a_reason_that_headers_can_carry(value: bytes | None, reason: Reason) -> None:
    """Whatever a sender does, the message gets its reason, and headers can be made of it."""
    rejection = _rejection(value)
    assert rejection.reason is reason
    assert headers_of(rejection, "interactions", 0, 0, 0)


def test_a_rejection_names_field_and_value() -> None:
    """The detail of a refused field starts with its name and its value."""
    assert _rejection(_VALID.replace('"v"', '"two words"').encode()).detail.startswith("video_id = 'two words'")


def test_a_rejection_shows_no_more_than_the_beginning_of_a_value() -> None:
    """A long wrong value does not make a long detail."""
    assert len(_rejection(_VALID.replace('"v"', f'"{" " * 10_000}"').encode()).detail) < 300


def test_a_wrong_direction_is_explained() -> None:
    """A rewind that leads forward is told which fields to check."""
    assert "check the order of from_s and to_s" in _rejection(_VALID.replace("play", "rewind").encode()).detail
