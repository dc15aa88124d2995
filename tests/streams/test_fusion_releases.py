"""Fusion releases in the state of a partition: which fusion holds is part of it."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import orjson
import pytest

from schemas.fusion import FusionRelease
from schemas.ranker import CURRENT_KEY
from scoring.fusion import FUSION_VERSION
from scoring.learned_fusion.live import numbers_of
from streams.changelog import LEDGER, read_ledger
from streams.chunks import Chunk
from streams.ledger import Ledger
from streams.state import PartitionState
from tests.scoring.learned_fusion.worlds import learned
from tests.scoring.logs import START_MS, message
from tests.scoring.oracle import Event
from tests.streams.world import Crash, Message, Moment, World, assert_same_state, chunk_of, known_rows, new_state

_BUILT_IN = b'{"schema_version":1,"release":"built-in","fusion":null}'
_PLAY = message(Event(0, START_MS, "play", "v1", "s1", START_MS, 0, 25_000))


@cache
def _release(name: str, seed: int = 0) -> bytes:
    return FusionRelease(schema_version=1, release=name, fusion=numbers_of(learned(seed))).model_dump_json().encode()


def _chunk(values: Sequence[bytes], first: int = 0, key: bytes = CURRENT_KEY) -> Chunk:
    messages = [Message(first + offset, START_MS, value) for offset, value in enumerate(values)]
    return chunk_of(messages, "fusion-releases", [key] * len(values))


def _state(*values: bytes) -> PartitionState:
    state = new_state()
    state.apply_interactions(chunk_of([Message(0, START_MS, _PLAY)]))
    state.apply_fusion(_chunk(values))
    return state


def _scores(state: PartitionState) -> list[Any]:
    return [(row["worth"], row["score_low"], row["score_high"]) for row in known_rows(state).values()]


def _named(state: PartitionState) -> set[tuple[str, int]]:
    return {(row["fusion_version"], row["fusion_offset"]) for row in known_rows(state).values()}


def test_rows_name_the_fusion_that_they_are_of() -> None:
    """Without a release the built-in one holds; then each release from its message on."""
    assert _named(_state()) == {(FUSION_VERSION, -1)}
    assert _named(_state(_release("f1"))) == {("f1", 0)}
    assert _named(_state(_release("f1"), _release("f2", 1))) == {("f2", 1)}
    assert _scores(_state(_release("f1"))) != _scores(_state())


def test_the_built_in_fusion_comes_back() -> None:
    """A message without a fusion lets the built-in one hold: its scores are as if no release had been."""
    back = _state(_release("f1"), _BUILT_IN)
    assert _named(back) == {(FUSION_VERSION, 1)}
    assert _scores(back) == _scores(_state())


def test_every_known_clip_is_published_at_a_swap() -> None:
    """Whatever was published before has a later version now."""
    state = _state()
    before = {row["clip_index"]: row["version"] for row in state.take_flush().clip_scores.to_pylist()}
    state.apply_fusion(_chunk([_release("f1")]))
    after = {row["clip_index"]: row["version"] for row in state.take_flush().clip_scores.to_pylist()}
    assert before.keys() == after.keys() == {0, 1}
    assert all(after[clip] > before[clip] for clip in before)


def test_what_was_swapped_to_is_skipped() -> None:
    """A release that is delivered again changes nothing."""
    state = _state(_release("f1"), _release("f2", 1))
    state.take_flush()
    state.apply_fusion(_chunk([_release("f1")]))
    assert not state.is_touched
    assert _named(state) == {("f2", 1)}


@pytest.mark.parametrize(
    ("value", "key", "detail"),
    [(_BUILT_IN, b"other", b"'current' is expected"), (b"{", CURRENT_KEY, b"JSON")],
)
def test_what_cannot_be_taken_is_a_dead_letter(value: bytes, key: bytes, detail: bytes) -> None:
    """A wrong key and a broken value are dead letters that say so, and the fusion before goes on."""
    state = _state(_release("f1"))
    state.apply_fusion(_chunk([value], first=1, key=key))
    assert _named(state) == {("f1", 0)}
    (letter,) = state.take_flush().dead_letters
    assert detail in dict(letter.headers)["highlights.detail"]


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("after", ["f2", "built-in"])
def test_a_worker_that_dies_in_the_middle_of_a_swap_comes_back_right(moment: Moment, after: str) -> None:
    """Whenever the flush of a swap is cut off, the recovered state and the rows are those of a run that nothing interrupted."""
    sent = [_release("f1"), _BUILT_IN if after == "built-in" else _release(after, 1)]
    world = World([Message(0, START_MS, _PLAY)], [])
    world.apply(1)
    world.state.apply_fusion(_chunk(sent[:1]))
    world.flush()
    world.state.apply_fusion(_chunk(sent[1:], first=1))
    world.crash_at = moment
    with pytest.raises(Crash):
        world.flush()
    world.restart()
    assert _scores(world.state) == _scores(_state(*sent[: world.state.ledger.fusion_offset + 1]))
    world.state.apply_fusion(_chunk(sent[world.state.ledger.fusion_offset + 1 :], first=world.state.ledger.fusion_offset + 1))
    world.flush()
    assert_same_state(world.state, _state(*sent))
    assert world.clip_scores == known_rows(world.state) == known_rows(_state(*sent))


def test_a_ledger_from_before_fusions_is_read() -> None:
    """Version 3 has no fusion: the built-in one holds."""
    state = _state()
    (record,) = (record for record in state.take_flush().records if record.key == LEDGER)
    old = {name: value for name, value in orjson.loads(record.value or b"").items() if not name.startswith("fusion")}
    ledger: Ledger = read_ledger(orjson.dumps(old | {"record_version": 3}))
    assert (ledger.fusion, ledger.fusion_offset) == (None, -1)
