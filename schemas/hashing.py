"""Keyed 64-bit hashes of identifiers, for tables of millions of entries in compiled code.

SipHash-c-d (Aumasson and Bernstein 2012, "SipHash: a fast short-input PRF"), used as SipHash-1-3. It is keyed, so nobody
can craft identifiers that collide, and what is stored of a viewer's session is no identifier.
"""

import numpy as np
from numpy.typing import NDArray

from schemas.compiled import compiled, inlined

_U64 = np.uint64


@inlined
def _rotate_left(value, bits):
    return (value << _U64(bits)) | (value >> _U64(64 - bits))


@inlined
def load_word(buffer, at):
    """Return the eight bytes (uint8) from a position that is not negative on, the first as the lowest: compiled to one load."""
    at, word = _U64(at), _U64(0)
    for byte in range(8):
        word |= _U64(buffer[at + _U64(byte)]) << _U64(8 * byte)
    return word


@inlined
def _rounds(v0, v1, v2, v3, count):
    for _ in range(count):
        v0 += v1
        v1 = _rotate_left(v1, 13) ^ v0
        v0 = _rotate_left(v0, 32)
        v2 += v3
        v3 = _rotate_left(v3, 16) ^ v2
        v0 += v3
        v3 = _rotate_left(v3, 21) ^ v0
        v2 += v1
        v1 = _rotate_left(v1, 17) ^ v2
        v2 = _rotate_left(v2, 32)
    return v0, v1, v2, v3


@compiled
def siphash(buffer, start, length, key, compression, finalization):
    """Return SipHash-c-d of `buffer[start:start + length]` (uint8) under `key` (uint64[2]) as uint64."""
    v0 = key[0] ^ _U64(0x736F6D6570736575)
    v1 = key[1] ^ _U64(0x646F72616E646F6D)
    v2 = key[0] ^ _U64(0x6C7967656E657261)
    v3 = key[1] ^ _U64(0x7465646279746573)
    at = _U64(start)
    for _ in range(length // 8):
        word = load_word(buffer, at)
        at += _U64(8)
        v0, v1, v2, v3 = _rounds(v0, v1, v2, v3 ^ word, compression)
        v0 ^= word
    word = _U64(length & 0xFF) << _U64(56)
    for byte in range(length % 8):
        word |= _U64(buffer[at + _U64(byte)]) << _U64(8 * byte)
    v0, v1, v2, v3 = _rounds(v0, v1, v2, v3 ^ word, compression)
    v0 ^= word
    v0, v1, v2, v3 = _rounds(v0, v1, v2 ^ _U64(0xFF), v3, finalization)
    return v0 ^ v1 ^ v2 ^ v3


@inlined
def mix(first, second):
    """Return one uint64 of two, spread over all bits (the finalizer of splitmix64, Steele 2014)."""
    word = first ^ (second * _U64(0x9E3779B97F4A7C15) + _U64(0x632BE59BD9B4E019))
    word = (word ^ (word >> _U64(30))) * _U64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> _U64(27))) * _U64(0x94D049BB133111EB)
    return word ^ (word >> _U64(31))


def hash_key(secret: bytes) -> NDArray[np.uint64]:
    """Return the SipHash key, uint64[2], of 16 secret bytes."""
    if len(secret) != 16:
        message = f"a hash key has 16 bytes, not {len(secret)}"
        raise ValueError(message)
    return np.frombuffer(secret, dtype="<u8").copy()


def hash_text(text: str, key: NDArray[np.uint64]) -> int:
    """Return the hash that the compiled decoder gives to the identifier `text`."""
    raw = np.frombuffer(text.encode(), dtype=np.uint8)
    return int(siphash(raw, 0, len(raw), key, 1, 3))
