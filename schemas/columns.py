"""The columnar decoder: a chunk of raw messages of topic `interactions` to columns, at compiled speed.

It reads a subset of JSON - a flat object, ASCII strings without escapes, plain decimals - and accepts only what
`Interaction` accepts, with the same values. What it does not recognise it leaves to `Interaction`, one message at a time:
so the two cannot disagree on what is valid, and only odd or broken messages are slow.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from schemas.compiled import compiled, inlined
from schemas.dead_letters import Reason, Rejection, rejection_of
from schemas.hashing import siphash
from schemas.interactions import FAST_FORWARD, PLAY, REWIND, SHARE, Interaction
from schemas.limits import MAX_IDENTIFIER_LENGTH, MAX_POSITION_S, MAX_TIME_MS, MIN_TIME_MS


class InteractionColumns(NamedTuple):
    """Interactions by columns; n rows. Rows of messages that were rejected have `accepted` False and no meaning."""

    accepted: NDArray[np.bool_]
    kind: NDArray[np.uint8]
    video: NDArray[np.uint64]
    """Hash of `video_id`."""
    session: NDArray[np.uint64]
    """Hash of `session_id`."""
    occurred_at_ms: NDArray[np.int64]
    from_ms: NDArray[np.int64]
    to_ms: NDArray[np.int64]
    video_start: NDArray[np.int64]
    """Where `video_id` stands in `buffer`."""
    video_length: NDArray[np.int64]
    buffer: NDArray[np.uint8]

    def video_id(self, row: int) -> bytes:
        """Return the `video_id` of one row."""
        start = self.video_start[row]
        return self.buffer[start : start + self.video_length[row]].tobytes()


def decode(
    values: Sequence[bytes | None], key: NDArray[np.uint64], max_message_bytes: int
) -> tuple[InteractionColumns, dict[int, Rejection]]:
    """Decode a chunk.

    Args:
        values: n raw messages.
        key: uint64[2], the secret of the identifiers' hashes.
        max_message_bytes: longer messages are rejected unread.

    Returns:
        The columns, and for each rejected row the reason why.
    """
    columns = _decode_values(values, key, max_message_bytes)
    declined = np.flatnonzero(~columns.accepted)
    if not len(declined):
        return columns, {}
    rejections: dict[int, Rejection] = {}
    rows, canonical = [], []
    for row in declined.tolist():
        judged = judge(values[row], max_message_bytes)
        if isinstance(judged, Rejection):
            rejections[row] = judged
        else:
            rows.append(row)
            canonical.append(judged.to_json())
    if rows:
        columns = _merge(columns, np.array(rows), _decode_values(canonical, key, max(map(len, canonical))))
    return columns, rejections


def judge(value: bytes | None, max_message_bytes: int) -> Interaction | Rejection:
    """Read one message by the contract itself."""
    if not value:
        return Rejection(Reason.EMPTY_VALUE, "the message has no value")
    if len(value) > max_message_bytes:
        return Rejection(Reason.TOO_LARGE, f"{len(value)} bytes; at most {max_message_bytes} are read")
    try:
        return Interaction.model_validate_json(value)
    except ValidationError as error:
        return rejection_of(error)


def _decode_values(values: Sequence[bytes | None], key: NDArray[np.uint64], max_message_bytes: int) -> InteractionColumns:
    if None in values:
        values = [value or b"" for value in values]
    count = len(values)
    ends = np.cumsum(np.fromiter(map(len, values), dtype=np.int64, count=count))  # type: ignore[arg-type]
    columns = InteractionColumns(
        accepted=np.empty(count, np.bool_),
        kind=np.empty(count, np.uint8),
        video=np.empty(count, np.uint64),
        session=np.empty(count, np.uint64),
        occurred_at_ms=np.empty(count, np.int64),
        from_ms=np.empty(count, np.int64),
        to_ms=np.empty(count, np.int64),
        video_start=np.empty(count, np.int64),
        video_length=np.empty(count, np.int64),
        buffer=np.frombuffer(b"".join(values) or b" ", np.uint8),  # type: ignore[arg-type]
    )
    _parse_all(columns, ends, key, max_message_bytes)
    return columns


def _merge(columns: InteractionColumns, rows: NDArray[np.int64], again: InteractionColumns) -> InteractionColumns:
    for name in InteractionColumns._fields:
        if name == "video_start":
            columns.video_start[rows] = again.video_start + len(columns.buffer)
        elif name != "buffer":
            getattr(columns, name)[rows] = getattr(again, name)
    return columns._replace(buffer=np.concatenate([columns.buffer, again.buffer]))


# What follows is compiled. Each `_read_*` returns the position behind what it read, or _DECLINE.

_DECLINE = -1
_MAX_DIGITS = 15  # every decimal of 15 digits is exact as mantissa / 10**k in float64 (Clinger 1990)
_POWERS = np.array([10.0**k for k in range(_MAX_DIGITS + 1)])

_FIELDS = (b"schema_version", b"kind", b"video_id", b"session_id", b"viewer_id", b"occurred_at_ms", b"from_s", b"to_s")
_VERSION, _KIND, _VIDEO, _SESSION, _VIEWER, _TIME, _FROM, _TO, _UNKNOWN = range(9)
_REQUIRED = 0b11101111  # all but viewer_id
_KIND_NAMES = (b"play", b"share", b"rewind", b"fast_forward")


def _table(words: tuple[bytes, ...]) -> NDArray[np.uint8]:
    """Return words as rows of one uint8 matrix: length, then bytes."""
    rows = np.zeros((len(words), 1 + max(map(len, words))), np.uint8)
    for row, word in zip(rows, words, strict=True):
        row[0] = len(word)
        row[1 : 1 + len(word)] = np.frombuffer(word, np.uint8)
    return rows


_FIELD_TABLE = _table(_FIELDS)
_KIND_TABLE = _table(_KIND_NAMES)


@inlined
def _space(buffer, at, end):  # type: ignore[no-untyped-def]
    while at < end and (buffer[at] == 32 or buffer[at] == 10 or buffer[at] == 13 or buffer[at] == 9):
        at += 1
    return at


@inlined
def _read_string(buffer, at, end):  # type: ignore[no-untyped-def]
    """Read a string of plain ASCII; `at` stands on its first quote."""
    at += 1
    while at < end:
        byte = buffer[at]
        if byte == 34:
            return at + 1
        if byte < 32 or byte > 126 or byte == 92:
            return _DECLINE
        at += 1
    return _DECLINE


@inlined
def _read_digits(buffer, at, end, value):  # type: ignore[no-untyped-def]
    while at < end and 48 <= buffer[at] <= 57:
        value = value * 10 + (buffer[at] - np.int64(48))
        at += 1
    return at, value


@inlined
def _read_number(buffer, at, end):  # type: ignore[no-untyped-def]
    """Read a decimal without sign or exponent: (position behind it, mantissa, digits after the point)."""
    start = at
    at, mantissa = _read_digits(buffer, at, min(end, at + _MAX_DIGITS + 1), np.int64(0))
    whole = at - start
    if whole == 0 or (whole > 1 and buffer[start] == 48):
        return _DECLINE, mantissa, 0
    fraction = 0
    if at < end and buffer[at] == 46:
        point = at
        at, mantissa = _read_digits(buffer, at + 1, min(end, at + _MAX_DIGITS + 2), mantissa)
        fraction = at - point - 1
        if fraction == 0:
            return _DECLINE, mantissa, 0
    if whole + fraction > _MAX_DIGITS:
        return _DECLINE, mantissa, 0
    return at, mantissa, fraction


@inlined
def _lookup(table, buffer, start, length):  # type: ignore[no-untyped-def]
    for row in range(len(table)):
        if table[row, 0] == length:
            same = True
            for offset in range(length):
                if table[row, 1 + offset] != buffer[start + offset]:
                    same = False
                    break
            if same:
                return row
    return len(table)


@inlined
def _starts_with(buffer, at, end, word):  # type: ignore[no-untyped-def]
    if at + len(word) > end:
        return False
    for offset in range(len(word)):
        if buffer[at + offset] != word[offset]:
            return False
    return True


_LITERALS = tuple(np.frombuffer(word, np.uint8) for word in (b"true", b"false", b"null"))
_TRUE, _FALSE, _NULL = _LITERALS


@inlined
def _skip_scalar(buffer, at, end):  # type: ignore[no-untyped-def]
    """Read the value of a field that nobody knows, when it is a scalar."""
    byte = buffer[at]
    if byte == 34:
        return _read_string(buffer, at, end)
    if 48 <= byte <= 57:
        return _read_number(buffer, at, end)[0]
    if _starts_with(buffer, at, end, _TRUE) or _starts_with(buffer, at, end, _NULL):
        return at + 4
    if _starts_with(buffer, at, end, _FALSE):
        return at + 5
    return _DECLINE


@inlined
def _is_identifier(buffer, start, length):  # type: ignore[no-untyped-def]
    if length < 1 or length > MAX_IDENTIFIER_LENGTH:
        return False
    for at in range(start, start + length):
        if buffer[at] == 32:  # the string reader has let in nothing else that an identifier may not hold
            return False
    return True


@inlined
def _milliseconds(mantissa, fraction):  # type: ignore[no-untyped-def]
    return np.int64(np.rint(mantissa / _POWERS[fraction] * 1000.0))


@inlined
def _in_order(kind, from_ms, to_ms):  # type: ignore[no-untyped-def]
    if kind == PLAY:
        return to_ms >= from_ms
    if kind in (SHARE, FAST_FORWARD):
        return to_ms > from_ms
    return kind == REWIND and to_ms < from_ms


@compiled
def _parse(columns, row, at, end, key):  # type: ignore[no-untyped-def]
    """Read one message into its row; False when it is not plainly valid."""
    buffer = columns.buffer
    at = _space(buffer, at, end)
    if at >= end or buffer[at] != 123:
        return False
    at += 1
    seen = 0
    while True:
        at = _space(buffer, at, end)
        if at >= end or buffer[at] != 34:
            return False
        name = at + 1
        at = _read_string(buffer, at, end)
        if at == _DECLINE:
            return False
        field = _lookup(_FIELD_TABLE, buffer, name, at - 1 - name)
        if field != _UNKNOWN:
            if seen & (1 << field):
                return False
            seen |= 1 << field
        at = _space(buffer, at, end)
        if at >= end or buffer[at] != 58:
            return False
        at = _space(buffer, at + 1, end)
        if at >= end:
            return False
        value = at
        if field == _UNKNOWN or (field == _VIEWER and buffer[at] != 34):
            at = _skip_scalar(buffer, at, end)
            if field == _VIEWER and not _starts_with(buffer, value, end, _NULL):
                return False
        elif field == _VERSION or field >= _TIME:
            at, mantissa, fraction = _read_number(buffer, at, end)
            if at == _DECLINE:
                return False
            if field == _FROM:
                columns.from_ms[row] = _milliseconds(mantissa, fraction)
                if mantissa / _POWERS[fraction] > MAX_POSITION_S:
                    return False
            elif field == _TO:
                columns.to_ms[row] = _milliseconds(mantissa, fraction)
                if mantissa / _POWERS[fraction] > MAX_POSITION_S:
                    return False
            elif fraction:
                return False
            elif field == _VERSION:
                if mantissa != 1:
                    return False
            elif not MIN_TIME_MS <= mantissa <= MAX_TIME_MS:
                return False
            else:
                columns.occurred_at_ms[row] = mantissa
        else:
            if buffer[at] != 34:
                return False
            at = _read_string(buffer, at, end)
            if at == _DECLINE:
                return False
            length = at - value - 2
            if field == _KIND:
                kind = _lookup(_KIND_TABLE, buffer, value + 1, length)
                if kind == len(_KIND_TABLE):
                    return False
                columns.kind[row] = kind
            elif not _is_identifier(buffer, value + 1, length):
                return False
            elif field == _VIDEO:
                columns.video_start[row] = value + 1
                columns.video_length[row] = length
                columns.video[row] = siphash(buffer, value + 1, length, key, 1, 3)
            elif field == _SESSION:
                columns.session[row] = siphash(buffer, value + 1, length, key, 1, 3)
        if at == _DECLINE:
            return False
        at = _space(buffer, at, end)
        if at >= end:
            return False
        if buffer[at] == 125:
            break
        if buffer[at] != 44:
            return False
        at += 1
    if _space(buffer, at + 1, end) != end or seen & _REQUIRED != _REQUIRED:
        return False
    return _in_order(columns.kind[row], columns.from_ms[row], columns.to_ms[row])


@compiled
def _parse_all(columns, ends, key, max_message_bytes):  # type: ignore[no-untyped-def]
    start = 0
    for row in range(len(ends)):
        columns.accepted[row] = ends[row] - start <= max_message_bytes and _parse(columns, row, start, ends[row], key)
        start = ends[row]
