"""How many interactions a second one worker applies, on one core, with everything on.

Kafka is filled first. Then a worker starts with an empty state, on a core of its own where the machine has two; the clock runs
from the first committed interaction, or the first after so many that have filled the state, to the last: so neither the start nor
the filling counts. What is measured is the whole way: fetch, decode, dead letters, distinct counting, statistics, fused scores,
ClickHouse, changelog, commit. For a rate with half a million clips in state:

    python -m benchmarks.worker_rate --videos 7800 --events 14000000 --after 6000000
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table

from infra.embedded.stack import EmbeddedStack
from streams import clickhouse
from streams.cli.environment import cache_dir, environment_of, with_endpoints
from streams.cli.up import prepare
from streams.kafka import CommittedOffsets, ensure_topics
from streams.replay.publish import publish_interactions, publish_supervised
from streams.replay.simulate import SimulateSource
from streams.settings import Settings

_START_MS = 1_790_000_000_000
_DEADLINE_S = 300.0
CORES = sorted(os.sched_getaffinity(0))
"""The worker has the last one to itself; Kafka, ClickHouse and this script share the others."""


def main(
    events: Annotated[int, typer.Option(min=10_000, help="About how many interactions a round.")] = 2_000_000,
    videos: Annotated[int, typer.Option(min=1)] = 600,
    after: Annotated[int, typer.Option(min=1, help="Interactions that are applied before the clock starts.")] = 1,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure some rounds; print each."""
    take_cores(CORES[:-1] or CORES)
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
    with tempfile.TemporaryDirectory(prefix="highlights-bench-") as folder:
        stack = EmbeddedStack(Path(folder), cache_dir=cache_dir(), kafka_port=0, clickhouse_port=0)
        with stack:
            settings = with_endpoints(Settings(data_dir=Path(folder)), stack.endpoints)
            prepare(settings)
            source = SimulateSource(seed=seed, events=events, videos=videos, start_ms=_START_MS)
            publish_supervised(source.supervised_messages(), settings.kafka)
            total = publish_interactions(source, settings.kafka)
            return run_workers(settings, total, after=after)


def run_workers(settings: Settings, total: int, workers: int = 1, after: int = 1) -> dict[str, float]:
    """Return the figures of new workers, each on a core of its own, that apply a filled topic together, `after` so many of it."""
    started = time.monotonic()
    processes = [start_worker(settings, core) for core in CORES[-workers:]]
    try:
        watched = [psutil.Process(process.pid) for process in processes]
        wait_for(settings, 1, *watched)
        first_commit = time.monotonic()
        first, first_count, cpu_before = wait_for(settings, after, *watched)
        last, last_count, cpu_after = wait_for(settings, total, *watched)
        memory = sum(worker.memory_info().rss for worker in watched)
        rows = _clips(settings)
    finally:
        for process in processes:
            process.terminate()
            process.wait(30)
    measured, seconds = last_count - first_count, last - first
    if not measured:
        message = f"{total:,} interactions were committed all at once: measure more of them"
        raise RuntimeError(message)
    return {
        "interactions": total,
        "start_to_first_commit_s": first_commit - started,
        "measured": measured,
        "seconds": seconds,
        "interactions_per_s": measured / seconds,
        "cpu_s_per_million": (cpu_after - cpu_before) / measured * 1e6,
        "memory_mib": memory / 2**20,
        "clips": rows,
    }


def start_worker(settings: Settings, core: int, metrics_port: int = 0) -> subprocess.Popen[bytes]:
    """Start a worker on one core."""
    env = environment_of(settings) | {"HIGHLIGHTS_WORKER__METRICS_PORT": str(metrics_port)}
    command = [sys.executable, "-m", "streams.cli", "worker"]
    return subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL, preexec_fn=lambda: take_cores([core]))


def take_cores(cores: list[int]) -> None:
    """Run this process on these cores alone."""
    os.sched_setaffinity(0, cores)


def wait_for(settings: Settings, wanted: int, *workers: psutil.Process) -> tuple[float, int, float]:
    """Return (time, interactions committed, CPU seconds used) as soon as that many are committed."""
    watched = CommittedOffsets(settings.kafka, settings.group, ensure_topics(settings.kafka, settings.group))
    end = time.monotonic() + _DEADLINE_S
    while time.monotonic() < end:
        committed = watched.count()
        if committed >= wanted:
            used = sum(times.user + times.system for times in (worker.cpu_times() for worker in workers))
            return time.monotonic(), committed, used
        time.sleep(0.02)
    message = f"not {wanted} interactions committed in {_DEADLINE_S:.0f} s"
    raise TimeoutError(message)


def _clips(settings: Settings) -> int:
    with clickhouse.connect(settings.clickhouse) as client:
        return int(client.query("SELECT count() FROM fused_scores").result_rows[0][0])


if __name__ == "__main__":
    typer.run(main)
