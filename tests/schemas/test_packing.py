"""Packed records."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from schemas.byte_column import ByteColumn
from schemas.packing import pack, unpack

_WIDTHS = st.integers(1, 200)
_MOSTLY_USUAL = st.one_of(st.just(7), st.just(7), st.integers(0, 2**64 - 1))


def _usual(width: int) -> np.ndarray:
    return np.full(width, 7, np.uint64)


@given(st.tuples(st.integers(0, 5), _WIDTHS).flatmap(lambda shape: st_numpy.arrays(np.uint64, shape, elements=_MOSTLY_USUAL)))
def test_what_was_packed_comes_back(words: np.ndarray) -> None:
    """Records of any width, usual ones and others, have the same bits after packing and unpacking."""
    usual = _usual(words.shape[1])
    packed = pack(words, usual)
    assert np.array_equal(unpack(packed, usual), words)
    again = ByteColumn.of([packed.item(row) for row in range(len(words))])
    assert np.array_equal(unpack(again, usual), words)


def test_usual_words_take_no_room() -> None:
    """Of a record that is as usual there are only the bitmaps."""
    usual = _usual(500)
    words = np.stack([usual, usual])
    words[1, 499] = 1
    assert pack(words, usual).length.tolist() == [8 * 8, 8 * 9]


@pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: raw[:5], lambda _: b"", lambda raw: raw + b"\0"])
def test_what_is_not_whole_is_refused(change: Callable[[bytes], bytes]) -> None:
    """A record that ends too early, or not where it should, is named, and nothing is read beyond it."""
    words = np.arange(300, dtype=np.uint64).reshape(3, 100)
    packed = pack(words, _usual(100))
    raw = [packed.item(row) or b"" for row in range(3)]
    raw[1] = change(raw[1])
    with pytest.raises(ValueError, match="packed record 1 of 3 is not whole"):
        unpack(ByteColumn.of(raw), _usual(100))
