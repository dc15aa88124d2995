"""What a worker does that breaks off in the middle of putting a state in another's place."""

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP

from schemas.exclusions import Excluded, ExclusionKind
from schemas.hashing import hash_text
from scoring.statistics.pace import PaceWatch
from streams import metrics, replacement
from streams.changelog import Record
from streams.flush import Flusher
from streams.replacement import Replacer
from streams.settings import Settings
from streams.state import Flush, PartitionState
from tests.scoring.logs import HASH_KEY, LIMITS, START_MS
from tests.streams.world import KEY, Message, assert_same_state, chunk_of, new_state, recovered

_PLAY = '{"schema_version":1,"kind":"play","video_id":"v%d","session_id":"s%d","occurred_at_ms":%d,"from_s":0,"to_s":10}'
_EXCLUDED = frozenset({Excluded(ExclusionKind.SESSION, hash_text("s0", HASH_KEY))})


class _Broken(Exception):
    """What nobody expects."""


class _Sinks:
    """A changelog whose transactions are committed; ClickHouse shows nothing."""

    def __init__(self) -> None:
        self.changelog: list[Record] = []
        self._sent: list[Record] = []

    def shown(self, _partition: int) -> tuple[list[tuple[str, int]], int]:
        return [], 0

    def publish(self, _flushes: Sequence[Flush]) -> None:
        """Nothing of it is looked at."""

    def write_changelog(self, flushes: Sequence[Flush]) -> None:
        self._sent = [record for part in flushes for record in part.records]

    def commit_changelog(self, _flushes: Sequence[Flush]) -> None:
        self.changelog += self._sent


def _messages(first: int, count: int) -> list[Message]:
    places = range(first, first + count)
    return [Message(place, START_MS, (_PLAY % (place % 7, place % 5, START_MS)).encode()) for place in places]


def _state_of(messages: list[Message], excluded: frozenset[Excluded]) -> PartitionState:
    state = PartitionState(LIMITS.partition, LIMITS.partitions, KEY, excluded)
    state.apply_interactions(chunk_of(messages))
    return state


class _Worker:
    """A worker whose state of one partition is outdated."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.messages, self.sinks, self.rounds = _messages(0, 40), _Sinks(), 0
        self.meanwhile: Callable[[], None] = lambda: None  # while a state is computed
        self.old = new_state()
        self.store = cast("Any", SimpleNamespace(states={self.old.partition: self.old}, clips=0))
        self.flusher = Flusher(Settings(), self.store, cast("Any", self.sinks), self._commit, cast("Any", self._commit))
        monkeypatch.setattr(replacement, "recompute", self._recompute)
        monkeypatch.setattr(replacement, "catch_up", lambda *_arguments, **_options: None)
        self.old.apply_interactions(chunk_of(self.messages))
        asyncio.run(self.flusher.flush())
        self.old.want_excluded(_EXCLUDED, 0)

    async def _commit(self, _offsets: dict[TP, int]) -> bool:
        return True

    def _recompute(self, *_arguments: Any, excluded: frozenset[Excluded], progress: Callable[[int], None], **_: Any) -> Any:
        self.meanwhile()
        progress(len(self.messages))
        return _state_of(self.messages, excluded)

    def replace(self) -> None:
        """Look once for what is outdated."""

        async def sleep(_seconds: float) -> None:
            self.rounds += 1

        asyncio.run(Replacer(Settings(), self.store, self.flusher).run(lambda: self.rounds > 1, sleep))


def test_a_new_state_is_watched_as_the_old_one_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was excluded by their pace does not keep the next one from being found."""
    worker = _Worker(monkeypatch)
    worker.old.watch = PaceWatch.of(300)
    worker.replace()
    new = worker.store.states[worker.old.partition]
    assert new is not worker.old
    assert (new.watch, new.too_fast) == (worker.old.watch, worker.old.too_fast)


def test_a_partition_that_is_taken_away_is_computed_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for its state here; nothing is written, and nothing said to be replaced."""
    worker = _Worker(monkeypatch)
    written, replaced = list(worker.sinks.changelog), metrics.REPLACEMENTS._value.get()
    worker.meanwhile = worker.store.states.clear
    worker.replace()
    assert worker.sinks.changelog == written
    assert metrics.REPLACEMENTS._value.get() == replaced
    assert worker.store.states == {}


def test_a_state_whose_replacement_broke_off_is_not_flushed_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the worker ends, it goes on for a moment: what it flushes then has to be of the state that the changelog holds."""
    first, more = _messages(0, 40), _messages(40, 20)
    old, sinks, tells = new_state(), _Sinks(), [_Broken]
    store = cast("Any", SimpleNamespace(states={old.partition: old}, clips=0))

    async def commit(_offsets: dict[TP, int]) -> bool:
        if old.is_outdated and sinks.changelog[-1] != before[-1] and tells:
            raise tells.pop()
        return True

    async def sleep(_seconds: float) -> None:
        """Do not wait."""

    monkeypatch.setattr(replacement, "recompute", lambda *_arguments, **options: _state_of(first, options["excluded"]))
    monkeypatch.setattr(replacement, "catch_up", lambda *_arguments, **_options: None)
    flusher = Flusher(Settings(), store, cast("Any", sinks), commit, cast("Any", commit))
    old.apply_interactions(chunk_of(first))
    asyncio.run(flusher.flush())
    before = list(sinks.changelog)
    old.want_excluded(_EXCLUDED, 0)
    with pytest.raises(_Broken):
        asyncio.run(Replacer(Settings(), store, flusher).run(lambda: False, sleep))
    store.states[old.partition].apply_interactions(chunk_of(more))
    asyncio.run(flusher.flush())
    assert_same_state(recovered(sinks.changelog), _state_of(first + more, _EXCLUDED))
