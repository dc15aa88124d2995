"""Changelogs that earlier versions wrote."""

import base64
import json
from pathlib import Path

import numpy as np
import orjson
import pytest

from schemas.errors import StateError
from streams.changelog import LEDGER, PAGE, SEGMENT, Record, read_ledger, read_pages
from streams.recovery import state_of
from streams.state import PartitionState
from tests.streams.world import KEY, LIMITS, Message, World, assert_same_state, chunk_of, known_rows, new_state

_VERSION_1 = Path(__file__).with_name("changelog_v1.json")


def _written() -> tuple[list[Message], dict[bytes, bytes]]:
    """Return a source, and the records that version 1 had in its changelog after the first half of it."""
    content = json.loads(_VERSION_1.read_text())
    source = [Message(offset, stamp_ms, value.encode()) for offset, stamp_ms, value in content["source"]]
    return source, {base64.b64decode(key): base64.b64decode(value) for key, value in content["records"]}


def _from_the_beginning(source: list[Message]) -> PartitionState:
    state = new_state()
    state.apply_interactions(chunk_of(source))
    return _without_recent(state)


def _without_recent(state: PartitionState) -> PartitionState:
    """Return it without the counts of the newest block of offsets, which begin with the first chunk of version 2."""
    state.ledger.recent_messages = state.ledger.recent_dead_letters = 0
    return state


def test_a_state_of_version_1_goes_on_as_if_this_version_had_made_it() -> None:
    """State that version 1 wrote, with the rest of its source applied by this version, is the batch state to the bit."""
    source, records = _written()
    world = World(source, [], state=state_of(records, LIMITS.partition, LIMITS.partitions, KEY))
    assert orjson.loads(records[LEDGER])["record_version"] == 1
    assert 0 < world.state.ledger.applied_offset < len(source) - 1
    world.apply(len(source))
    assert_same_state(_without_recent(world.state), _from_the_beginning(source))
    assert known_rows(world.state) == known_rows(_from_the_beginning(source))


def test_its_first_flush_makes_a_changelog_of_this_version() -> None:
    """What version 1 wrote and this version flushed is read again as the same state."""
    source, records = _written()
    world = World(source, [], state=state_of(records, LIMITS.partition, LIMITS.partitions, KEY))
    world.changelog = [Record(*record) for record in records.items()]
    world.apply(5)
    world.flush()
    before = world.state
    world.restart()
    assert_same_state(world.state, before)


def test_pages_that_were_not_packed_are_read() -> None:
    """Version 2 of a page had its bytes as they lie in memory."""
    source, _ = _written()
    pages = _from_the_beginning(source).statistics.pages
    plain = pages.records(np.arange(int(pages.size[0])))
    video_ids, read = read_pages([b"\2\3" + b"vid" + page.tobytes() for page in plain])
    assert video_ids == [b"vid"] * len(plain)
    assert read.tobytes() == plain.tobytes()


@pytest.mark.parametrize("kind", [PAGE, SEGMENT])
def test_a_damaged_record_is_refused_with_the_way_out(kind: bytes) -> None:
    """Half of a record is no state."""
    source, _ = _written()
    world = World(source, [])
    world.apply(len(source))
    world.flush()
    records = {key: value for key, value in world.changelog if value is not None}
    damaged = {key: value[:-3] if key[:1] == kind and len(value) > 100 else value for key, value in records.items()}
    assert damaged != records
    with pytest.raises(StateError, match=r"not whole.*worker --rebuild"):
        state_of(damaged, LIMITS.partition, LIMITS.partitions, KEY)


def test_a_ledger_of_a_later_version_is_refused_with_the_way_out() -> None:
    """A worker does not guess at what a newer one wrote."""
    _, records = _written()
    later = orjson.dumps(orjson.loads(records[LEDGER]) | {"record_version": 99})
    with pytest.raises(StateError, match=r"version 99.*worker --rebuild"):
        read_ledger(later)
