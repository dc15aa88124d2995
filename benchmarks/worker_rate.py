"""How many interactions a second one worker applies, on one core, with everything on.

Kafka is filled first. Then a worker starts with an empty state, on a core of its own where the machine has two (Linux alone lets
it have one); the clock runs from the first committed interaction, or the first after so many that have filled the state, to the
last: so neither the start nor the filling counts. What is measured is the whole way: fetch, decode, dead letters, distinct
counting, statistics, fused scores, ClickHouse, changelog, commit. For a rate with half a million clips in state:

    python -m benchmarks.worker_rate --videos 7800 --events 14000000 --after 6000000
"""

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Annotated, Final, NamedTuple

import psutil
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.children import wait_until, worker
from benchmarks.cores import CORES, OTHERS, take_cores
from benchmarks.peers.memory import peak_mib
from benchmarks.results import JsonOption
from benchmarks.system import fill, viewers
from infra.embedded.process import ChildProcess
from streams import clickhouse
from streams.cli.apart import system_apart
from streams.kafka import CommittedOffsets, ensure_topics
from streams.settings import Settings

DEADLINE_S: Final = 300.0


class Moment(NamedTuple):
    """How far workers are."""

    time_s: float
    """On the monotonic clock."""
    committed: int
    """Interactions."""
    cpu_s: tuple[float, ...]
    """Of each process that is watched, since it started."""


class Run(NamedTuple):
    """What workers did between two moments, and what they had in the end."""

    total: int
    """Interactions in the topic."""
    start_s: float
    """From the start of the processes to the first commit."""
    first: Moment
    last: Moment
    workers: int
    """So many of the processes that were watched, the first ones."""
    memory_mib: float
    """The most that each had, added up."""
    clips: int

    @property
    def seconds(self) -> float:
        """Time that was measured."""
        return self.last.time_s - self.first.time_s

    @property
    def cpu_s(self) -> list[float]:
        """CPU time of each process that was watched, in that time."""
        return [after - before for before, after in zip(self.first.cpu_s, self.last.cpu_s, strict=True)]

    @property
    def figures(self) -> dict[str, float]:
        """What is shown."""
        measured = self.last.committed - self.first.committed
        return {
            "interactions": self.total,
            "start_to_first_commit_s": self.start_s,
            "measured": measured,
            "seconds": self.seconds,
            "interactions_per_s": measured / self.seconds,
            "cpu_s_per_million": sum(self.cpu_s[: self.workers]) / measured * 1e6,
            "memory_mib": self.memory_mib,
            "clips": self.clips,
        }


def main(
    events: Annotated[int, typer.Option(min=10_000, help="About how many interactions a round.")] = 2_000_000,
    videos: Annotated[int, typer.Option(min=1)] = 600,
    after: Annotated[int, typer.Option(min=1, help="Interactions that are applied before the clock starts.")] = 1,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    as_json: JsonOption = False,
) -> None:
    """Measure some rounds; print each."""
    take_cores(OTHERS)
    results = [measure(events, videos, seed, after) for seed in range(1, rounds + 1)]
    if as_json:
        print(json.dumps(results, indent=2))
        return
    table = Table(title="one worker on one core")
    for name in results[0]:
        table.add_column(name.replace("_", " "), justify="right")
    for result in results:
        table.add_row(*(f"{value:,.0f}" if value >= 100 else f"{value:.2f}" for value in result.values()))
    Console().print(table)


def measure(events: int, videos: int, seed: int, after: int = 1) -> dict[str, float]:
    """Return the figures of one round, on servers of its own."""
    with system_apart(Settings()) as settings:
        total = fill(settings, viewers(seed, events, videos))
        return run_workers(settings, total, after=after).figures


def run_workers(settings: Settings, total: int, *, workers: int = 1, after: int = 1, beside: Sequence[ChildProcess] = ()) -> Run:
    """Return what new workers do, each on a core of its own, that apply a filled topic together.

    Args:
        settings: of the system.
        total: interactions in the topic.
        workers: how many.
        after: so many are applied before the clock starts.
        beside: processes that are to run meanwhile, and whose CPU time is read at the same moments.
    """
    started = time.monotonic()
    with ExitStack() as stack:
        children = [
            stack.enter_context(worker(settings, f"worker-{number}", cores=[core]))
            for number, core in enumerate(CORES[-workers:])
        ]
        watched = [*children, *beside]
        start_s = wait_for(settings, 1, watched).time_s - started
        first = wait_for(settings, after, watched)
        last = wait_for(settings, total, watched)
        memory = sum(peak_mib(child.pid) for child in children)
        clips = _clips(settings)
    if last.committed == first.committed:
        message = f"{total:,} interactions were committed all at once: measure more of them"
        raise RuntimeError(message)
    return Run(total, start_s, first, last, workers, memory, clips)


def wait_for(settings: Settings, wanted: int, watched: Sequence[ChildProcess]) -> Moment:
    """Return the moment at which so many interactions are committed, as soon as it is there, while some processes run."""
    offsets = CommittedOffsets(settings.kafka, settings.group, ensure_topics(settings.kafka, settings.group))
    committed = 0

    def are_committed() -> bool:
        nonlocal committed
        committed = offsets.count()
        return committed >= wanted

    wait_until(are_committed, f"{wanted:,} interactions are committed", DEADLINE_S, *watched)
    used = (psutil.Process(child.pid).cpu_times() for child in watched)
    return Moment(time.monotonic(), committed, tuple(times.user + times.system for times in used))


def _clips(settings: Settings) -> int:
    with clickhouse.connect(settings.clickhouse) as client:
        return int(client.query("SELECT count() FROM fused_scores").result_rows[0][0])


if __name__ == "__main__":
    typer.run(main)
