"""Batches made ahead are what a producer would have sent."""

import orjson
from aiokafka.record.memory_records import MemoryRecords

from benchmarks.prepared_batches import build
from schemas.interactions import Interaction

_THEN_MS, _NOW_MS = 1_790_000_000_000, 1_790_000_123_456


def _message(number: int) -> tuple[bytes, bytes]:
    play = Interaction(
        schema_version=1, kind="play", video_id="v", session_id=f"s{number}", occurred_at_ms=_THEN_MS + number, from_s=0, to_s=10
    )
    return b"v", play.to_json()


def test_each_message_carries_the_time_of_preparation_and_nothing_else_has_changed() -> None:
    """Check sum, keys, values and stamps, as aiokafka reads them."""
    messages = [_message(number) for number in range(100)]
    reader = MemoryRecords(build(1, messages, 100, _NOW_MS).data)
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
