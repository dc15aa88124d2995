"""The compiled reader of interactions: one pass over the bytes of a chunk, straight into columns.

Each `_read_*` returns the position behind what it read, or _DECLINE. A message that is declined is not yet wrong: it is judged
by the contract itself, see `schemas.columns`. What few messages need is called and not inlined, which saves the compiler a third
of its time.
"""

import numpy as np
from numpy.typing import NDArray

from schemas.compiled import compiled, inlined
from schemas.hashing import load_word, siphash
from schemas.interactions import FAST_FORWARD, PLAY, REWIND, SHARE
from schemas.limits import MAX_IDENTIFIER_LENGTH, MAX_POSITION_S, MAX_TIME_MS, MIN_TIME_MS

_DECLINE = -1
_U64 = np.uint64
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


def _words(names: tuple[bytes, ...]) -> NDArray[np.uint64]:
    """Return names of up to 14 bytes, with the quote and colon behind each, as two words and the masks of what they fill."""
    texts = [name + b'":' for name in names]
    rows = b"".join(text.ljust(16, b"\0") + (b"\xff" * len(text)).ljust(16, b"\0") for text in texts)
    return np.frombuffer(rows, "<u8").reshape(len(names), 4)


_FIELD_TABLE = _table(_FIELDS)
_FIELD_WORDS = _words(_FIELDS)
_KIND_TABLE = _table(_KIND_NAMES)


@inlined
def _byte(buffer, at):
    """Return a byte at a position that is not negative: a signed one would be tested for that, each time."""
    return buffer[_U64(at)]


@inlined
def _is_space(byte):
    return byte <= 32 and (byte == 32 or byte == 10 or byte == 13 or byte == 9)


@inlined
def _space(buffer, at, end):
    while at < end and _is_space(_byte(buffer, at)):
        at += 1
    return at


@inlined
def _read_string(buffer, at, end):
    """Read a string of plain ASCII; `at` stands on its first quote."""
    at += 1
    while at < end:
        byte = _byte(buffer, at)
        if byte == 34:
            return at + 1
        if byte < 32 or byte > 126 or byte == 92:
            return _DECLINE
        at += 1
    return _DECLINE


@inlined
def _read_digits(buffer, at, end, value):
    while at < end:
        digit = np.int64(_byte(buffer, at)) - 48
        if digit < 0 or digit > 9:
            break
        value = value * 10 + digit
        at += 1
    return at, value


@inlined
def _read_number(buffer, at, end):
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
def _lookup(table, buffer, start, length):
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
def _starts_with(buffer, at, end, word):
    if at + len(word) > end:
        return False
    for offset in range(len(word)):
        if buffer[at + offset] != word[offset]:
            return False
    return True


_LITERALS = tuple(np.frombuffer(word, np.uint8) for word in (b"true", b"false", b"null"))
_TRUE, _FALSE, _NULL = _LITERALS


@compiled
def _skip_scalar(buffer, at, end):
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
def _is_identifier(buffer, start, length):
    if length < 1 or length > MAX_IDENTIFIER_LENGTH:
        return False
    for at in range(start, start + length):
        if _byte(buffer, at) == 32:  # the string reader has let in nothing else that an identifier may not hold
            return False
    return True


@inlined
def _milliseconds(mantissa, fraction):
    return np.int64(np.rint(mantissa / _POWERS[fraction] * 1000.0))


@inlined
def _in_order(kind, from_ms, to_ms):
    if kind == PLAY:
        return to_ms >= from_ms
    if kind in (SHARE, FAST_FORWARD):
        return to_ms > from_ms
    return kind == REWIND and to_ms < from_ms


@inlined
def _read_numeric(buffer, field, at, end):
    """Read the value of a field that holds a number: (position behind it, value; positions in ms)."""
    at, mantissa, fraction = _read_number(buffer, at, end)
    if at == _DECLINE:
        return _DECLINE, mantissa
    if field in (_FROM, _TO):
        milliseconds = _milliseconds(mantissa, fraction)
        return (at if mantissa / _POWERS[fraction] <= MAX_POSITION_S else _DECLINE), milliseconds
    if field == _VERSION:
        return (at if fraction == 0 and mantissa == 1 else _DECLINE), mantissa
    in_range = fraction == 0 and mantissa >= MIN_TIME_MS and mantissa <= MAX_TIME_MS
    return (at if in_range else _DECLINE), mantissa


@inlined
def _read_text(buffer, field, at, end):
    """Read the value of a field that holds a string: (position behind it, code of the kind)."""
    start = at + 1
    at = _read_string(buffer, at, end) if buffer[at] == 34 else _DECLINE
    if at == _DECLINE:
        return _DECLINE, 0
    length = at - 1 - start
    if field == _KIND:
        kind = _lookup(_KIND_TABLE, buffer, start, length)
        return (at if kind < len(_KIND_TABLE) else _DECLINE), kind
    return (at if _is_identifier(buffer, start, length) else _DECLINE), 0


@inlined
def _read_value(buffer, field, at, end):
    """Read the value of a field; `at` stands on its first byte: (position behind it, its number)."""
    if field == _UNKNOWN:
        return _skip_scalar(buffer, at, end), 0
    if field == _VIEWER and _starts_with(buffer, at, end, _NULL):
        return at + 4, 0
    if field == _VERSION or field >= _TIME:
        return _read_numeric(buffer, field, at, end)
    return _read_text(buffer, field, at, end)


@inlined
def _expect(buffer, at, end, byte):
    """Read white space and one byte; return the position behind them."""
    at = _space(buffer, at, end)
    return at + 1 if at < end and _byte(buffer, at) == byte else _DECLINE


@inlined
def _is_field(buffer, at, end, field):
    """Return whether a field's name, a quote and a colon stand at a position, with 16 bytes to be read from there."""
    if field >= len(_FIELDS) or at + 16 > end:
        return False
    first, second, first_mask, second_mask = _FIELD_WORDS[field]
    return load_word(buffer, at) & first_mask == first and load_word(buffer, at + 8) & second_mask == second


@compiled
def _read_other_name(buffer, start, end):
    """Read the name that starts at a position, with the colon behind it: (position behind that, field)."""
    at = _read_string(buffer, start - 1, end)
    if at == _DECLINE:
        return _DECLINE, _UNKNOWN
    field = _lookup(_FIELD_TABLE, buffer, start, at - 1 - start)
    return _expect(buffer, at, end, 58), field


@inlined
def _read_name(buffer, at, end, likely):
    """Read a field's name up to its value: (position of the value, field). It is looked up where it is not the likely one."""
    start = _expect(buffer, at, end, 34)
    if start == _DECLINE:
        return _DECLINE, _UNKNOWN
    if _is_field(buffer, start, end, likely):
        field, at = likely, start + _FIELD_TABLE[likely, 0] + 2
    else:
        at, field = _read_other_name(buffer, start, end)
        if at == _DECLINE:
            return _DECLINE, _UNKNOWN
    at = _space(buffer, at, end)
    return (at if at < end else _DECLINE), field


@inlined
def _parse(columns, row, at, end, key):
    """Read one message into its row; False when it is not plainly valid."""
    buffer, seen, field = columns.buffer, 0, -1
    at = _expect(buffer, at, end, 123)
    while at != _DECLINE:
        at, field = _read_name(buffer, at, end, field + 1)
        if at == _DECLINE or (field != _UNKNOWN and seen & (1 << field)):
            return False
        seen |= 1 << field
        start = at
        at, number = _read_value(buffer, field, start, end)
        if at == _DECLINE:
            return False
        if field == _KIND:
            columns.kind[row] = number
        elif field == _VIDEO:
            columns.video_start[row] = start + 1
            columns.video_length[row] = at - start - 2
            columns.video[row] = siphash(buffer, start + 1, at - start - 2, key, 1, 3)
        elif field == _SESSION:
            columns.session[row] = siphash(buffer, start + 1, at - start - 2, key, 1, 3)
        elif field == _VIEWER and buffer[start] == 34:
            columns.viewer[row] = siphash(buffer, start + 1, at - start - 2, key, 1, 3)
        elif field == _TIME:
            columns.occurred_at_ms[row] = number
        elif field == _FROM:
            columns.from_ms[row] = number
        elif field == _TO:
            columns.to_ms[row] = number
        at = _space(buffer, at, end)
        if at < end and buffer[at] == 125:
            break
        at = _expect(buffer, at, end, 44)
    if at == _DECLINE or _space(buffer, at + 1, end) != end or seen & _REQUIRED != _REQUIRED:
        return False
    return _in_order(columns.kind[row], columns.from_ms[row], columns.to_ms[row])


@compiled
def parse_all(columns, start, length, key, max_message_bytes):
    for row in range(len(start)):
        readable = 0 < length[row] <= max_message_bytes
        columns.accepted[row] = readable and _parse(columns, row, start[row], start[row] + length[row], key)
