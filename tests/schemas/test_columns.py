"""The columnar decoder against the contract: it accepts what `Interaction` accepts, with the same values."""

import json
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.byte_column import ByteColumn
from schemas.columns import _decode_values, decode, judge
from schemas.dead_letters import Reason, Rejection
from schemas.hashing import hash_key, hash_text
from schemas.interactions import KINDS, Interaction
from schemas.limits import IDENTIFIER_PATTERN, MAX_POSITION_S, MAX_TIME_MS, MIN_TIME_MS

_KEY = hash_key(bytes(range(16)))
_LIMIT = 1 << 20

_identifiers = st.sampled_from(["v1", "a:b", "{", "~", "x" * 128]) | st.from_regex(IDENTIFIER_PATTERN, fullmatch=True)
_space = st.text(" \t\r\n", max_size=2)
_integers = st.integers(-2, 90_000)


@st.composite
def _decimals(draw: st.DrawFn) -> str:
    """Spellings of numbers: plain, long, in exponents, signed, rounded in the last place, and some that JSON does not know."""
    whole = draw(st.integers(0, 86_401))
    fraction = draw(st.text("0123456789", min_size=1, max_size=22))
    exponent = draw(st.integers(-6, 6))
    spellings = [
        str(whole), f"{whole}.{fraction}", f"{whole}.{fraction[:3]}5", f"{whole}.{fraction[:3]}50",
        f"{whole % 10}.{fraction}e{exponent}", f"{whole}E+{exponent % 3}", f"-{whole}",
        "-0.0", "0", "-0", f"0{whole}", f"{whole}.", f".{fraction}", f"+{whole}",
        "86400", "86400.0", "86400.0001", "86400.00000000000001", "1e400", "1e-400", "NaN", "Infinity", "-Infinity",
        f"{whole}{fraction}", "9" * 400, "true", "null", f'"{whole}"',
    ]  # fmt: skip
    weight = draw(st.integers(0, 3))
    return draw(st.sampled_from(spellings[:6] if weight else spellings))


_times = st.one_of(
    st.integers(MIN_TIME_MS, MAX_TIME_MS).map(str),
    st.sampled_from([MIN_TIME_MS - 1, MIN_TIME_MS, MAX_TIME_MS, MAX_TIME_MS + 1, 10**15, 10**16, 2**63, 2**64, 10**300]).map(str),
    st.sampled_from(["1790000000000.0", "1.79e12", "-1790000000000", "null", "true", '"1790000000000"', "1790000000000.5"]),
)
_wrong = st.sampled_from(
    ["null", "true", "false", "[]", "{}", "7", "1.5", '""', '"two words"', '"\\u00e4"', '"ä"', '"\\n"', '"\\\\"']
)
_unknown_values = st.one_of(
    st.sampled_from(
        ["1", "-1", "1e5", "01", "1.", "tru", "true", "false", "null", "nul", "NaN", '"x y"', '"\\ud800"', '"\x7f"', '"\t"']
    ),
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner, max_size=3)).map(
        json.dumps
    ),
)


def _escape(name: str) -> str:
    return f"\\u{ord(name[0]):04x}{name[1:]}"


@st.composite
def _messages(draw: st.DrawFn, wrong: bool = True) -> bytes:
    """Texts of an interaction: fields in any order, spelling and spacing; where `wrong`, some of them amiss."""
    identifiers = _identifiers.map(lambda text: f'"{text}"')
    fields = {
        "schema_version": draw(st.sampled_from(["1"] * 9 + ["1.0", "true", "2", '"1"'])),
        "kind": json.dumps(draw(st.sampled_from(KINDS))),
        "video_id": draw(identifiers),
        "session_id": draw(identifiers),
        "viewer_id": draw(st.just("null") | identifiers),
        "occurred_at_ms": draw(_times if wrong else st.integers(MIN_TIME_MS, MAX_TIME_MS).map(str)),
        "from_s": draw(_decimals()),
        "to_s": draw(_decimals()),
    }
    if draw(st.booleans()):
        del fields["viewer_id"]
    if wrong and draw(st.integers(0, 3)) == 0:
        fields[draw(st.sampled_from(sorted(fields)))] = draw(_wrong)
    if wrong and draw(st.integers(0, 9)) == 0:
        del fields[draw(st.sampled_from(sorted(fields)))]
    pairs = list(fields.items())
    if draw(st.booleans()):
        pairs.append((draw(st.sampled_from(["player", "x", "", "from", "schema_versio", "two words"])), draw(_unknown_values)))
    if draw(st.integers(0, 9)) == 0:
        name = draw(st.sampled_from(sorted(fields)))
        pairs.append((name, draw(_wrong | st.just(fields[name]))))
    if draw(st.booleans()):
        pairs = draw(st.permutations(pairs))
    if draw(st.integers(0, 9)) == 0:
        pairs = [(_escape(name) if name else name, value) for name, value in pairs]
    gap = draw(_space)
    body = f"{gap},{gap}".join(f'"{name}"{gap}:{gap}{value}' for name, value in pairs)
    return f"{gap}{{{gap}{body}{gap}}}{gap}".encode()


@st.composite
def _mutations(draw: st.DrawFn) -> bytes:
    """Messages of which some bytes were cut off, taken out, doubled or changed."""
    raw = bytearray(draw(_messages()))
    for _ in range(draw(st.integers(1, 2))):
        at, end = sorted(draw(st.tuples(st.integers(0, len(raw)), st.integers(0, len(raw)))))
        change = draw(st.sampled_from(["cut", "take out", "double", "set"]))
        if change == "cut":
            del raw[at:]
        elif change == "take out":
            del raw[at : min(end, at + 3)]
        elif change == "double":
            raw[at:at] = raw[at : min(end, at + 3)]
        else:
            raw[at : at + 1] = draw(
                st.sampled_from([b'"', b"\\", b"{", b"}", b",", b":", b"\x00", b"\xff", b"\xc3\xa4", b"0", b"-"])
            )
    return bytes(raw)


def _by_contract(value: bytes) -> Interaction | None:
    try:
        return Interaction.model_validate_json(value)
    except ValidationError:
        return None


def _check(values: list[bytes]) -> None:
    """Assert that the decoder says of each message what the contract says of it."""
    columns, rejections = decode(ByteColumn.of(values), _KEY, _LIMIT)
    for row, value in enumerate(values):
        expected = _by_contract(value)
        assert bool(columns.accepted[row]) == (expected is not None), value
        assert (row in rejections) == (expected is None), value
        if expected is not None:
            found: dict[str, Any] = {
                "kind": KINDS[columns.kind[row]],
                "video": int(columns.video[row]),
                "session": int(columns.session[row]),
                "viewer": int(columns.viewer[row]),
                "occurred_at_ms": int(columns.occurred_at_ms[row]),
                "from_ms": int(columns.from_ms[row]),
                "to_ms": int(columns.to_ms[row]),
                "video_id": columns.video_id(row).decode(),
            }
            assert found == {
                "kind": expected.kind,
                "video": hash_text(expected.video_id, _KEY),
                "session": hash_text(expected.session_id, _KEY),
                "viewer": hash_text(expected.viewer_id, _KEY) if expected.viewer_id else 0,
                "occurred_at_ms": expected.occurred_at_ms,
                "from_ms": expected.from_ms,
                "to_ms": expected.to_ms,
                "video_id": expected.video_id,
            }, value


@given(st.lists(_messages(wrong=False), min_size=1, max_size=4))
def test_messages_mostly_valid_decode_as_the_contract_reads_them(values: list[bytes]) -> None:
    """Order of fields, white space, escapes, unknown fields and spellings of numbers change no value."""
    _check(values)


@given(st.lists(_messages() | _mutations() | st.binary(max_size=30), max_size=5))
def test_decoder_accepts_exactly_what_the_contract_accepts(values: list[bytes]) -> None:
    """Wrong types, lost fields, doubled fields, broken and foreign bytes: decoder and contract agree on each message."""
    _check(values)


@given(_decimals(), _decimals())
def test_positions_are_rounded_as_the_contract_rounds_them(start: str, end: str) -> None:
    """Every spelling of a position gives the contract's millisecond."""
    _check(
        [
            f'{{"schema_version":1,"kind":"{kind}","video_id":"v","session_id":"s","occurred_at_ms":{MIN_TIME_MS},"from_s":{a},'
            f'"to_s":{b}}}'.encode()
            for kind in KINDS
            for a, b in ((start, end), (end, start), (start, start))
        ]
    )


@given(st.integers(0, 10**15), st.integers(0, 15))
def test_decimals_of_fifteen_digits_are_read_exactly(mantissa: int, places: int) -> None:
    """At the limit of the fast path, and one digit beyond, milliseconds are the contract's."""
    digits = str(mantissa).zfill(places + 1)
    position = f"{digits[: len(digits) - places]}.{digits[len(digits) - places :]}" if places else digits
    _check([_play(to_s=position), _play(to_s=position + "5"), _play(to_s=position + "4999999")])


def _play(**changes: str) -> bytes:
    fields = {
        "schema_version": "1", "kind": '"play"', "video_id": '"v1"', "session_id": '"s1"', "occurred_at_ms": "1790000000000",
        "from_s": "0", "to_s": "1",
    }  # fmt: skip
    return ("{" + ",".join(f'"{name}":{value}' for name, value in (fields | changes).items()) + "}").encode()


@st.composite
def _interactions(draw: st.DrawFn) -> Interaction:
    kind: Any = draw(st.sampled_from(KINDS))
    start, end = sorted(draw(st.tuples(*[st.floats(0, MAX_POSITION_S)] * 2)))
    if kind != "play" and round(start * 1000) == round(end * 1000):
        start, end = 0.0, 1.0
    if kind == "rewind":
        start, end = end, start
    return Interaction(
        schema_version=1,
        kind=kind,
        video_id=draw(_identifiers),
        session_id=draw(_identifiers),
        viewer_id=draw(st.none() | _identifiers),
        occurred_at_ms=draw(st.integers(MIN_TIME_MS, MAX_TIME_MS)),
        from_s=start,
        to_s=end,
    )


@given(_interactions())
def test_canonical_text_reads_back(interaction: Interaction) -> None:
    """`to_json` keeps everything but what is finer than a millisecond, and is its own canonical text."""
    again = Interaction.model_validate_json(interaction.to_json())
    fine = {"from_s", "to_s"}
    assert again.model_dump(exclude=fine) == interaction.model_dump(exclude=fine)
    assert (again.from_ms, again.to_ms) == (interaction.from_ms, interaction.to_ms)
    assert again.to_json() == interaction.to_json()


@given(_interactions())
def test_canonical_text_takes_the_fast_path(interaction: Interaction) -> None:
    """The compiled reader itself takes every canonical message: `decode` relies on it for all that it declines at first."""
    assert _decode_values(ByteColumn.of([interaction.to_json()]), _KEY, _LIMIT).accepted.all()


def test_too_large_a_message_is_rejected_however_plain_it_is() -> None:
    """The limit on bytes holds for messages that the fast path could read, too."""
    value = _play(player='"' + "a" * 2_000 + '"')
    columns, rejections = decode(ByteColumn.of([_play(), value, _play()]), _KEY, len(value) - 1)
    assert columns.accepted.tolist() == [True, False, True]
    assert rejections[1].reason is Reason.TOO_LARGE
    assert decode(ByteColumn.of([value]), _KEY, len(value))[0].accepted.all()


def test_messages_without_value_are_rejected_among_others() -> None:
    """A message without value, and one with an empty value, spoil nothing for their neighbours."""
    columns, rejections = decode(ByteColumn.of([None, _play(), b"", _play(video_id='"v\\u0031"'), None]), _KEY, _LIMIT)
    assert columns.accepted.tolist() == [False, True, False, True, False]
    assert {row: rejection.reason for row, rejection in rejections.items()} == dict.fromkeys((0, 2, 4), Reason.EMPTY_VALUE)
    assert columns.video[1] == columns.video[3]
    assert columns.video_id(1) == columns.video_id(3) == b"v1"


def test_decoding_does_not_depend_on_the_chunk() -> None:
    """A message gives the same columns alone and among others."""
    values = [_play(from_s="1e0", to_s="5"), b"{", _play(session_id='"other"', viewer_id='"u1"'), _play(to_s="1234.5678")]
    together, _ = decode(ByteColumn.of(values), _KEY, _LIMIT)
    for row, value in enumerate(values):
        alone, _ = decode(ByteColumn.of([value]), _KEY, _LIMIT)
        assert alone.accepted[0] == together.accepted[row]
        if alone.accepted[0]:
            for name in ("kind", "video", "session", "viewer", "occurred_at_ms", "from_ms", "to_ms"):
                np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[row])


def test_judge_and_contract_agree_on_a_duplicate_field() -> None:
    """Of a field that stands twice the last one counts, on every path."""
    value = _play()[:-1] + b',"video_id":"v2"}'
    judged = judge(value, _LIMIT)
    assert not isinstance(judged, Rejection)
    assert judged.video_id == "v2"
    assert decode(ByteColumn.of([value]), _KEY, _LIMIT)[0].video_id(0) == b"v2"


def test_every_byte_in_an_identifier_is_judged_as_the_contract_judges_it() -> None:
    """Each of the 256 bytes, in each identifier, is let in or refused by both."""
    fields = (b"v1", b"s1")
    _check([_play().replace(b'"' + field + b'"', b'"x' + bytes([byte]) + b'"') for field in fields for byte in range(256)])
