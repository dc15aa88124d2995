"""What a flusher tells the group."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from faust.types import TP

from schemas.errors import DeliveryError, FencedError
from streams import flush, metrics
from streams.flush import Flusher, Sinks
from streams.settings import Settings
from streams.state import Flush, PartitionState
from tests.streams.world import KEY, Message, chunk_of, new_state


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


def test_what_a_rebalance_took_during_a_flush_is_not_told() -> None:
    """Offsets of a partition that is given up while its flush is written are forgotten: with them no commit would be whole."""
    state, told = new_state(), []
    state.ledger.applied_offset = 41
    state.refit(0)
    store = cast("Any", SimpleNamespace(states={state.partition: state}, clips=0))

    async def commit(offsets: dict[TP, int]) -> bool:
        told.append(dict(offsets))
        return True

    sinks = SimpleNamespace(
        publish=lambda _flushes: None,
        write_changelog=lambda _flushes: None,
        commit_changelog=lambda _flushes: flusher.disown({state.partition}),
    )
    flusher = Flusher(Settings(), store, cast("Any", sinks), commit, cast("Any", commit))
    asyncio.run(flusher.flush())
    assert told == []


async def _nothing(*_arguments: Any) -> bool:
    return True


def test_the_age_of_the_last_flush_grows_while_one_hangs() -> None:
    """A flush that ends well, or finds nothing to write, is the newest; one that does not end leaves the age to grow."""
    store = cast("Any", SimpleNamespace(states={}, clips=0))
    flusher = Flusher(Settings(), store, cast("Any", None), _nothing, cast("Any", _nothing))

    def age() -> float:
        return next(iter(metrics.FLUSH_AGE.collect())).samples[0].value

    async def run() -> None:
        flushing = asyncio.ensure_future(flusher.run(lambda: False, lambda _seconds: asyncio.sleep(0.01)))
        await asyncio.sleep(0.2)
        assert age() < 0.1
        async with flusher.paused():
            await asyncio.sleep(0.2)
            assert age() > 0.15
        flushing.cancel()

    asyncio.run(run())


class _FencedSinks:
    """Sinks of a worker whose partition another one has taken."""

    def __init__(self) -> None:
        self.inserted = 0

    def shown(self, _partition: int) -> tuple[list[tuple[str, int]], int]:
        return [("v1", 3)], 0

    def publish(self, flushes: Sequence[Flush]) -> None:
        self.inserted += sum(len(part.clip_scores) for part in flushes)

    def write_changelog(self, flushes: Sequence[Flush]) -> None:
        raise FencedError(flushes[0].partition)


def test_a_partition_that_was_handed_over_during_its_flush_is_not_taken_for_stolen() -> None:
    """The new owner shuts the old one out, as it should: the group need not be asked for the partition again."""
    state, rejoined = new_state(), []
    state.refit(0)
    store = cast("Any", SimpleNamespace(states={state.partition: state}, clips=0))

    def write(flushes: Sequence[Flush]) -> None:
        flusher.disown({state.partition})
        raise FencedError(flushes[0].partition)

    async def rejoin() -> None:
        rejoined.append(state.partition)

    sinks = SimpleNamespace(publish=lambda _flushes: None, write_changelog=write)
    settings = Settings()
    settings.worker.session_timeout_s = 0.0
    flusher = Flusher(settings, store, cast("Any", sinks), _nothing, rejoin)

    async def run() -> None:
        await flusher.flush()
        await flusher._reclaim()

    asyncio.run(run())
    assert rejoined == []


class _Writer:
    """A partition's writer, whose commit fails as often as it is told to."""

    failures: ClassVar[dict[int, int]] = {}

    def __init__(self, _kafka: Any, _group: str, partition: int) -> None:
        self.partition, self.sent, self.committed = partition, [], []
        self._failures = self.failures.get(partition, 0)

    def begin(self) -> bool:
        self.sent = []
        return True

    def send(self, topic: str, *, key: bytes | None, **_message: Any) -> None:
        self.sent.append((topic, key))

    def commit(self) -> None:
        if self._failures:
            self._failures -= 1
            message = "Kafka does not answer"
            raise DeliveryError(message)
        self.committed += self.sent


def test_dead_letters_are_there_once_where_another_partition_s_commit_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flush that is done again leaves out the partitions whose part of it is in the changelog already."""
    monkeypatch.setattr(flush, "PartitionWriter", _Writer)
    monkeypatch.setattr(flush, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(_Writer, "failures", {1: 2})
    sinks, states = Sinks(Settings(), cast("Any", None)), {}
    monkeypatch.setattr(sinks, "publish", lambda _flushes: None)
    for partition in (0, 1):
        sinks.take(partition)
        state = states[partition] = PartitionState(partition, 2, KEY)
        state.apply_supervised(chunk_of([Message(0, 0, b"{")], "supervised-scores", [b"v"]))
    store = cast("Any", SimpleNamespace(states=states, clips=0))
    asyncio.run(Flusher(Settings(), store, sinks, _nothing, cast("Any", _nothing)).flush())
    for writer in cast("dict[int, _Writer]", sinks._writers).values():
        assert [topic for topic, _ in writer.committed].count("dead-letters") == 1


def test_no_row_of_a_new_epoch_before_the_changelog_has_it() -> None:
    """A worker that lost its partition before it published a state anew inserts nothing: it would hide its successor's rows."""
    state, sinks = new_state(), _FencedSinks()
    state.take_place_of(set())
    store = cast("Any", SimpleNamespace(states={state.partition: state}, clips=0))

    asyncio.run(Flusher(Settings(), store, cast("Any", sinks), _nothing, cast("Any", _nothing)).flush())
    assert store.states == {}
    assert sinks.inserted == 0


def test_an_epoch_is_later_than_that_of_rows_still_to_come() -> None:
    """A predecessor may have begun an epoch and be about to insert its rows: the next one is later than that one, too."""
    state = new_state()
    state.take_place_of(set())
    state.ledger.epoch = 7
    begun: list[int] = []

    def write(flushes: Sequence[Flush]) -> None:
        begun.extend(part.ledger.epoch for part in flushes if part.ledger.republish)

    sinks = SimpleNamespace(
        shown=lambda _partition: ([], 3 << 48),
        publish=lambda _flushes: None,
        write_changelog=write,
        commit_changelog=lambda _: None,
    )
    store = cast("Any", SimpleNamespace(states={state.partition: state}, clips=0))

    asyncio.run(Flusher(Settings(), store, cast("Any", sinks), _nothing, cast("Any", _nothing)).flush())
    assert begun == [8]
    assert (state.ledger.epoch, state.ledger.republish) == (8, False)
