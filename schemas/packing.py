"""Records of words of which most are as usual, without those: a bitmap says which words of 64 are not, and these follow."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.byte_column import ByteColumn
from schemas.compiled import compiled
from schemas.hashing import load_word

_WORD_BYTES: Final = 8
_GROUP: Final = 64


def pack(words: NDArray[np.uint64], usual: NDArray[np.uint64]) -> ByteColumn:
    """Return n records, packed.

    Args:
        words: [n, w], the records.
        usual: [w], one record; words that others have in common with it take no room.
    """
    rows, width = words.shape
    room = rows * (width + -(-width // _GROUP)) + 1  # one is written and not counted
    packed, end = np.empty(room, np.uint64), np.empty(rows, np.int64)
    _pack(words, usual, packed, end)
    start = np.concatenate((np.zeros(1, np.int64), end))[:-1]
    return ByteColumn(packed.view(np.uint8), start * _WORD_BYTES, (end - start) * _WORD_BYTES)


def unpack(packed: ByteColumn, usual: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return n records, [n, w], of their packed forms.

    Raises:
        ValueError: one is not whole.
    """
    words = np.empty((len(packed.start), len(usual)), np.uint64)
    whole = _unpack(packed.buffer, packed.start, packed.length, usual, words)
    if whole < len(words):
        message = f"packed record {whole} of {len(words)} is not whole"
        raise ValueError(message)
    return words


@compiled
def _pack(words, usual, packed, end):
    """Pack the rows of `words` into `packed`; `end` is set to where each ends."""
    at, width = np.int64(0), words.shape[1]
    for row in range(len(words)):
        for first in range(0, width, _GROUP):
            group, bitmap = at, np.uint64(0)
            at += 1
            for column in range(first, min(first + _GROUP, width)):
                differs = np.uint64(words[row, column] != usual[column])
                packed[at] = words[row, column]
                at += np.int64(differs)
                bitmap |= differs << np.uint64(column - first)
            packed[group] = bitmap
        end[row] = at


@compiled
def _unpack(buffer, start, length, usual, words):
    """Write packed records into the rows of `words`; return how many were whole before one that is not."""
    width = words.shape[1]
    for row in range(len(start)):
        at, end = start[row], start[row] + length[row]
        for first in range(0, width, _GROUP):
            if at + _WORD_BYTES > end:
                return row
            bitmap = load_word(buffer, at)
            at += _WORD_BYTES
            for column in range(first, min(first + _GROUP, width)):
                words[row, column] = usual[column]
                if bitmap >> np.uint64(column - first) & np.uint64(1):
                    if at + _WORD_BYTES > end:
                        return row
                    words[row, column] = load_word(buffer, at)
                    at += _WORD_BYTES
        if at != end:
            return row
    return len(start)
