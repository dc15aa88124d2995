"""What a flusher tells the group."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP

from streams import flush
from streams.flush import Flusher
from streams.settings import Settings
from tests.streams.world import new_state


def test_the_group_is_told_again_what_a_late_commit_may_have_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offsets that nothing has moved since are committed again now and then, and no more often."""
    state, told, clock = new_state(), [], [1_000.0]
    state.ledger.applied_offset = 41
    store = cast("Any", SimpleNamespace(states={state.partition: state}, clips=0))

    async def commit(offsets: dict[TP, int]) -> bool:
        told.append(dict(offsets))
        return True

    async def rejoin() -> None:
        pytest.fail("nothing is lost")

    monkeypatch.setattr(flush, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    async def run() -> None:
        flusher = Flusher(Settings(), store, cast("Any", None), commit, rejoin)
        for clock[0] in (1_000.0, 1_001.0, 1_011.0):
            await flusher.flush()

    asyncio.run(run())
    assert told == [{TP("interactions", state.partition): 42}] * 2
