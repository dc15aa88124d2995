"""The side-by-side benchmark at its smallest size, with the parts that need no further package; and the changes of growth."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.growth import padded, repeated, skewed
from schemas.byte_column import ByteColumn
from schemas.columns import decode
from schemas.hashing import hash_key
from streams.replay.simulate import SimulateSource
from streams.replay.source import ReplayBatch

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what a round of the ceiling and of stock Faust leaves in the folder."""
    out = tmp_path_factory.mktemp("bench")
    options = (
        "--events",
        "2000",
        "--videos",
        "5",
        "--rounds",
        "1",
        "--limit-s",
        "3",
        "--systems",
        "raw,faust",
        "--out",
        str(out),
    )
    command = [sys.executable, "-m", "benchmarks.side_by_side", *options]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads((out / "side_by_side.json").read_text())


@pytest.fixture
def batch() -> ReplayBatch:
    """Return some simulated messages."""
    return next(SimulateSource(seed=1, events=2_000, videos=10, start_ms=1_790_000_000_000).batches())


def test_each_system_has_its_rate_and_says_what_it_does(figures: Any) -> None:
    """A row a system, with median and range; a system with a sink has published."""
    raw, faust = figures["systems"]
    for system in (raw, faust):
        assert system["does"]
        assert system["interactions_per_s"]["low"] <= system["interactions_per_s"]["median"]
    assert faust["rows"]["median"] > 0


def test_it_says_whether_clickhouse_reads_kafka_itself(figures: Any) -> None:
    """The embedded ClickHouse's answer is part of the result."""
    assert figures["kafka_engine"]


def test_repeated_messages_are_the_asked_share(batch: ReplayBatch) -> None:
    """Half of the messages are there before, when half are to be duplicates."""
    changed = repeated(0.5)(batch)
    assert len(changed.values) == len(changed.keys) == 2 * len(batch.values)
    assert set(changed.values) == set(batch.values)


def test_padded_messages_keep_to_the_contract(batch: ReplayBatch) -> None:
    """A longer message is read as the same interaction."""
    key = hash_key(bytes(16))
    before, _ = decode(ByteColumn.of(batch.values), key, 1 << 16)
    after, rejections = decode(ByteColumn.of(padded(200)(batch).values), key, 1 << 16)
    assert not rejections
    assert (before.session == after.session).all()


def test_skewed_traffic_has_one_video_with_about_half_of_it(batch: ReplayBatch) -> None:
    """Key and message name the same video."""
    changed = skewed(batch)
    hot = [value for key, value in zip(changed.keys, changed.values, strict=True) if key == b"v-everyone"]
    assert 0.2 < len(hot) / len(changed.values) < 0.8
    assert all(json.loads(value)["video_id"] == "v-everyone" for value in hot)
