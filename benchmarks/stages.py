"""Where a worker's time goes: each stage of the way alone, in CPU time of this process, and what memory allows at best.

The worker's own code runs on a partition filled with simulated interactions, on real servers: fetch, decode, apply, and then
flushes as often as a worker would make them. The floor of a stage is what the same bytes cost when they are only touched: copied
once for what is read in a row, gathered from random places for what is applied.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.results import JsonOption, OutOption, keep
from benchmarks.system import viewers
from schemas.columns import decode
from schemas.topics import INTERACTIONS
from streams import clickhouse
from streams.chunk_reading import read_chunks
from streams.chunks import Chunk
from streams.cli.apart import system_apart
from streams.flush import Sinks
from streams.kafka import topic_name
from streams.replay.publish import publish_interactions
from streams.settings import KafkaSettings, Settings
from streams.state import PartitionState
from streams.state_key import StateKey

_CACHE_LINE = 64
_LINES_OF_A_CLIP = 4
"""Cache lines that a session new to a clip touches: its count, its two sums, its time and offset, its session's record."""


class Stage(NamedTuple):
    """A stage, in CPU seconds per million interactions."""

    name: str
    cpu_s_per_million: float
    floor: float | None
    """What touching the same memory alone takes."""


class Clock:
    """CPU time of this process, all threads, by stage."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add what happens within to a stage."""
        started = time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - started


def main(
    events: Annotated[int, typer.Option(min=10_000, help="About how many interactions.")] = 2_000_000,
    videos: Annotated[int, typer.Option(min=1)] = 600,
    flush_every: Annotated[int, typer.Option(min=1_000, help="Interactions between two flushes: a second's.")] = 300_000,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the stages one after the other; print a table."""
    with system_apart(Settings(kafka=KafkaSettings(interactions_partitions=1))) as settings:
        total = publish_interactions(viewers(1, events, videos), settings.kafka)
        stages = _measure(settings, total, flush_every)
    text = keep({"interactions": total, "stages": [stage._asdict() for stage in stages]}, out, "stages")
    if as_json:
        print(text)
    else:
        _print(stages, total)


def _print(stages: list[Stage], total: int) -> None:
    table = Table("stage", "CPU s per million", "of all", "floor", title=f"{total:,} interactions")
    whole = sum(stage.cpu_s_per_million for stage in stages)
    for stage in stages:
        floor = "" if stage.floor is None else f"{stage.floor:.3f}"
        table.add_row(stage.name, f"{stage.cpu_s_per_million:.3f}", f"{stage.cpu_s_per_million / whole:.0%}", floor)
    table.add_row("all", f"{whole:.3f}", "", "")
    Console().print(table)


def _measure(settings: Settings, total: int, flush_every: int) -> list[Stage]:
    clock = Clock()
    topic = topic_name(settings.kafka, INTERACTIONS)
    _apply(settings, [next(read_chunks(settings.kafka, topic, 0, 0))], Clock(), flush_every)  # compiles
    with clock.stage("fetch"):
        for _ in read_chunks(settings.kafka, topic, 0, 0):
            pass
    chunks = list(read_chunks(settings.kafka, topic, 0, 0))
    state = _apply(settings, chunks, clock, flush_every)
    room = np.ones(max(len(chunk.values.buffer) for chunk in chunks), np.uint8)
    copied = _cpu_s(lambda: [np.copyto(room[: len(chunk.values.buffer)], chunk.values.buffer) for chunk in chunks])
    lines = int(state.statistics.pages.counts.sum()) * _LINES_OF_A_CLIP
    floors = {"fetch": copied, "decode": copied, "apply": _cpu_s_of_random_lines(state, lines)}
    return [Stage(name, seconds / total * 1e6, _per_million(floors.get(name), total)) for name, seconds in clock.seconds.items()]


def _per_million(seconds: float | None, total: int) -> float | None:
    return None if seconds is None else seconds / total * 1e6


def _apply(settings: Settings, chunks: list[Chunk], clock: Clock, flush_every: int) -> PartitionState:
    """Decode, apply and flush chunks; return the state behind them."""
    key = StateKey.of(settings)
    for chunk in chunks:
        with clock.stage("decode"):
            decode(chunk.values, key.hash_key, key.max_message_bytes)
    state, waiting = PartitionState(0, 1, key), 0
    with clickhouse.connect(settings.clickhouse) as client:
        sinks = Sinks(settings, client)
        sinks.take(0)
        for chunk in chunks:
            with clock.stage("apply"):
                state.apply_interactions(chunk)
            waiting += len(chunk)
            if waiting >= flush_every or chunk is chunks[-1]:
                _flush(state, sinks, clock)
                waiting = 0
    clock.seconds["apply"] -= clock.seconds["decode"]
    return state


def _flush(state: PartitionState, sinks: Sinks, clock: Clock) -> None:
    with clock.stage("rows: estimates, fused scores, columns"):
        flushes = [state.take_flush()]
    with clock.stage("ClickHouse: Arrow, HTTP"):
        sinks.publish(flushes)
    with clock.stage("changelog: records, transaction"):
        sinks.write_changelog(flushes)
        sinks.commit_changelog(flushes)


def _cpu_s(touch: Callable[[], object]) -> float:
    started = time.process_time()
    touch()
    return time.process_time() - started


def _cpu_s_of_random_lines(state: PartitionState, lines: int) -> float:
    """Return the seconds that reading so many random cache lines of memory as large as the state takes."""
    size = sum(column.nbytes for column in (*state.statistics.pages, *state.statistics.sessions))
    memory = np.ones((max(1, size // _CACHE_LINE), _CACHE_LINE // 8))
    places = np.random.default_rng(1).integers(len(memory), size=1_000_000)
    return _cpu_s(lambda: memory[places, 0].sum()) * lines / len(places)


if __name__ == "__main__":
    sys.exit(typer.run(main))
