"""Hashes of identifiers and partitions of keys, against implementations that are not ours."""

import os
import subprocess
import sys

import numpy as np
import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from schemas.hashing import hash_key, hash_text, siphash
from scoring.statistics.aggregation import partition_of

_REFERENCE_KEY = hash_key(bytes(range(16)))

# Of vectors_sip64 in the authors' reference implementation: SipHash-2-4 of bytes 0, 1, ... n - 1 under key 0, 1, ... 15.
_SIPHASH_2_4 = {
    0: 0x726FDB47DD0E0E31,
    1: 0x74F839C593DC67FD,
    2: 0x0D6C8009D9A94F5A,
    3: 0x85676696D7FB7E2D,
    4: 0xCF2794E0277187B7,
    5: 0x18765564CD99A68D,
    6: 0xCBC9466E58FEE3CE,
    7: 0xAB0200F58B01D137,
    8: 0x93F5F5799A932462,
    9: 0x9E0082DF0BA9E4B0,
    15: 0xA129CA6149BE45E5,
}

_TEXTS = ["a", "v000123", "seven77", "eight888", "nine99999", "x" * 63, "y" * 64, "z" * 128]


@pytest.mark.parametrize(("length", "expected"), _SIPHASH_2_4.items())
def test_siphash_2_4_has_the_authors_values(length: int, expected: int) -> None:
    """The compiled SipHash with 2 and 4 rounds gives the published values."""
    assert int(siphash(np.arange(length, dtype=np.uint8), 0, length, _REFERENCE_KEY, 2, 4)) == expected


def test_siphash_1_3_is_that_of_python() -> None:
    """The identifiers' hash under an all-zero key is Python's own hash of text under PYTHONHASHSEED=0, which is SipHash-1-3."""
    program = f"import sys; assert sys.hash_info.algorithm == 'siphash13'; print(*[hash(t) % 2**64 for t in {_TEXTS!r}])"
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    printed = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True).stdout
    key = hash_key(bytes(16))
    assert [hash_text(text, key) for text in _TEXTS] == [int(word) for word in printed.split()]


def test_siphash_reads_within_its_bounds() -> None:
    """What stands before and behind the text in a buffer does not change its hash."""
    buffer = np.frombuffer(b"noise" + b"v000123" + b"noise", np.uint8)
    assert int(siphash(buffer, 5, 7, _REFERENCE_KEY, 1, 3)) == hash_text("v000123", _REFERENCE_KEY)


@given(st.binary(min_size=1, max_size=130), st.integers(1, 1000))
def test_partitions_are_those_of_kafka_clients(key: bytes, partitions: int) -> None:
    """A key's partition is the one that aiokafka's port of Java's default partitioner gives."""
    buffer = np.frombuffer(b"pad" + key + b"pad", np.uint8)
    assert partition_of(buffer, 3, len(key), partitions) == (murmur2(key) & 0x7FFFFFFF) % partitions


@pytest.mark.parametrize("secret", [b"", b"short", bytes(17)])
def test_a_hash_key_has_16_bytes(secret: bytes) -> None:
    """Secrets of another length are refused with their length."""
    with pytest.raises(ValueError, match=f"16 bytes, not {len(secret)}"):
        hash_key(secret)
