"""Messages of an enemy: each is one of these, drawn."""

from collections.abc import Callable
from typing import Final

import numpy as np

Message = tuple[bytes | None, bytes | None]
"""Key and value."""

_GOOD: Final = (
    '{"schema_version":1,"kind":"play","video_id":"VIDEO","session_id":"SESSION","occurred_at_ms":TIME,"from_s":0,"to_s":60}'
)
_YEAR_MS: Final = 365 * 86_400_000
_HUGE_BYTES: Final = 10_000_000

_WHOLE: Final[tuple[bytes | None, ...]] = (
    None,
    b"",
    b" ",
    b"\xff\xfe\x00",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'"text"',
    b"12",
    b"{",
    b"[" * 5_000,
    b'{"a":' * 2_000,
    b"\xef\xbb\xbf{}",
    '{"schema_version":1}'.encode("utf-16"),
    b"x" * 200_000,
    b"\x00" * 64,
    b"{}\n{}",
)
_CHANGES: Final[tuple[tuple[str, str], ...]] = (
    ('"schema_version":1', '"schema_version":2'),
    ('"schema_version":1', '"schema_version":"1"'),
    ('"schema_version":1', '"schema_version":1.0'),
    ('"schema_version":1', '"schema_version":true'),
    ('"schema_version":1', '"schema_version":99999999999999999999999'),
    ('"schema_version":1,', ""),
    ('"play"', '"like"'),
    ('"play"', '"PLAY"'),
    ('"play"', "null"),
    ('"play"', "[]"),
    ('"play"', '"rewind"'),
    ('"VIDEO"', '""'),
    ('"VIDEO"', '"a:b"'),
    ('"VIDEO"', "5"),
    ('"VIDEO"', '"\\ud800"'),
    ('"VIDEO"', '"\\u0000"'),
    ('"VIDEO"', '"' + "v" * 5_000 + '"'),
    ('"SESSION"', "{}"),
    ('"SESSION"', '"\U0001f9e8"'),
    (":TIME", ":-1"),
    (":TIME", ":0"),
    (":TIME", ":1e12"),
    (":TIME", ":99999999999999999999"),
    (":TIME", ':"TIME"'),
    (":TIME", ":TIME.5"),
    (":0,", ":-5,"),
    (":0,", ":NaN,"),
    (":0,", ":-0.0,"),
    (":60}", ":NaN}"),
    (":60}", ":Infinity}"),
    (":60}", ":-Infinity}"),
    (":60}", ":1e999}"),
    (":60}", ":1e18}"),
    (":60}", ":86400000}"),
    (":60}", ":-60}"),
    (":60}", ":" + "9" * 400 + "}"),
    (":60}", ":60"),
    (":60}", ":60}garbage"),
    (":60}", ':60,"to_s":61}'),
    (":60}", ':60,"unknown":[1,{"deep":[]}]}'),
)


def poisoned(rng: np.random.Generator, now_ms: int, videos: list[bytes]) -> Message:
    """Return one message that is broken, or looks as if it were."""
    shape = _SHAPES[int(rng.integers(len(_SHAPES)))]
    return shape(rng, now_ms, videos[int(rng.integers(len(videos)))])


def huge() -> bytes:
    """Return a value of 10 MB."""
    return b'{"schema_version":1,"kind":"' + b"x" * _HUGE_BYTES + b'"}'


def _good(now_ms: int, video: bytes, session: str = "enemy") -> str:
    return _GOOD.replace("VIDEO", video.decode()).replace("SESSION", session).replace("TIME", str(now_ms))


def _whole(rng: np.random.Generator, _now_ms: int, video: bytes) -> Message:
    return video, _WHOLE[int(rng.integers(len(_WHOLE)))]


def _changed(rng: np.random.Generator, now_ms: int, video: bytes) -> Message:
    old, new = _CHANGES[int(rng.integers(len(_CHANGES)))]
    text = _GOOD.replace(old, new)
    return video, text.replace("VIDEO", video.decode()).replace("SESSION", "enemy").replace("TIME", str(now_ms)).encode()


def _wrong_clock(rng: np.random.Generator, now_ms: int, video: bytes) -> Message:
    shift = int(rng.integers(1, 50)) * _YEAR_MS * int(rng.choice((-1, 1)))
    return video, _good(max(0, now_ms + shift), video).encode()


def _bits_flipped(rng: np.random.Generator, now_ms: int, video: bytes) -> Message:
    value = bytearray(_good(now_ms, video).encode())
    for place in rng.integers(len(value), size=int(rng.integers(1, 4))):
        value[place] ^= 1 << int(rng.integers(8))
    return video, bytes(value)


def _cut_short(rng: np.random.Generator, now_ms: int, video: bytes) -> Message:
    value = _good(now_ms, video).encode()
    return video, value[: int(rng.integers(len(value)))]


def _keyless(rng: np.random.Generator, now_ms: int, video: bytes) -> Message:
    key = (None, b"", b"another", b"\xff")[int(rng.integers(4))]
    return key, _good(now_ms, video).encode()


def _noise(rng: np.random.Generator, _now_ms: int, video: bytes) -> Message:
    return video, rng.bytes(int(rng.integers(1, 400)))


_SHAPES: Final[tuple[Callable[[np.random.Generator, int, bytes], Message], ...]] = (
    _whole, _changed, _changed, _changed, _wrong_clock, _bits_flipped, _cut_short, _keyless, _noise,
)  # fmt: skip
