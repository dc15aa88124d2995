"""Batches made ahead are what a producer would have sent."""

import orjson
import pytest
from aiokafka.record.default_records import DefaultRecord
from aiokafka.record.memory_records import MemoryRecords

from benchmarks import prepared_batches
from benchmarks.prepared_batches import build, prepare
from benchmarks.system import viewers
from schemas.interactions import Interaction
from streams.settings import KafkaSettings

_THEN_MS, _NOW_MS = 1_790_000_000_000, 1_790_000_123_456


def _message(number: int) -> tuple[bytes, bytes]:
    play = Interaction(
        schema_version=1, kind="play", video_id="v", session_id=f"s{number}", occurred_at_ms=_THEN_MS + number, from_s=0, to_s=10
    )
    return b"v", play.to_json()


def test_each_message_carries_the_time_of_preparation_and_nothing_else_has_changed() -> None:
    """Check sum, keys, values and stamps, as aiokafka reads them."""
    messages = [_message(number) for number in range(100)]
    reader = MemoryRecords(build(messages, _NOW_MS))
    batch = reader.next_batch()
    assert batch is not None
    assert batch.validate_crc()
    found = list(batch)
    assert [record.timestamp for record in found] == [_NOW_MS] * 100
    assert [record.key for record in found] == [key for key, _ in messages]
    assert [orjson.loads(record.value) for record in found] == [
        orjson.loads(value) | {"occurred_at_ms": _NOW_MS} for _, value in messages
    ]
    assert not reader.has_next()


def test_a_request_is_what_comes_in_ten_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the rate, a hundred requests a second, each with a batch for every partition and no message of another."""
    monkeypatch.setattr(prepared_batches, "partition_counts", lambda _: {"interactions": 4})
    requests = list(prepare(viewers(1, 20_000, 50), KafkaSettings(), 200_000))
    assert [request.messages for request in requests] == [2_000] * len(requests)
    assert [request.due for request in requests] == list(range(2_000, 2_000 * len(requests) + 1, 2_000))
    found = [(partition, record) for partition, data in requests[0].batches for record in _records(data)]
    assert len(found) == 2_000
    assert {partition for partition, _ in found} == {0, 1, 2, 3}
    home = {record.key: partition for partition, record in found}
    assert all(home[record.key] == partition for partition, record in found)


def _records(data: bytes) -> list[DefaultRecord]:
    batch = MemoryRecords(data).next_batch()
    assert batch is not None
    return list(batch)
