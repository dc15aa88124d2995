"""How many interactions a second one worker applies, on one core, with everything on.

Kafka is filled first. Then a worker starts with an empty state, on a core of its own where the machine has two; the clock runs
from the first committed interaction to the last, so that neither the start nor the filling counts. What is measured is the whole
way: fetch, decode, dead letters, distinct counting, statistics, fused scores, ClickHouse, changelog, commit.
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
from streams.cli.environment import as_environment, cache_dir, with_endpoints
from streams.cli.up import prepare
from streams.kafka import CommittedInteractions
from streams.replay.publish import publish_interactions, publish_supervised
from streams.replay.simulate import SimulateSource
from streams.settings import Settings

_START_MS = 1_790_000_000_000
_DEADLINE_S = 300.0
_CORES = sorted(os.sched_getaffinity(0))
"""The worker has the last one to itself; Kafka, ClickHouse and this script share the others."""


def main(
    events: Annotated[int, typer.Option(min=10_000, help="About how many interactions a round.")] = 2_000_000,
    videos: Annotated[int, typer.Option(min=1)] = 600,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure some rounds; print each."""
    _take_cores(_CORES[:-1] or _CORES)
    results = [measure(events, videos, seed) for seed in range(1, rounds + 1)]
    if as_json:
        print(json.dumps(results, indent=2))
        return
    table = Table(title="one worker on one core")
    for name in results[0]:
        table.add_column(name.replace("_", " "), justify="right")
    for result in results:
        table.add_row(*(f"{value:,.0f}" if value >= 100 else f"{value:.2f}" for value in result.values()))
    Console().print(table)


def measure(events: int, videos: int, seed: int) -> dict[str, float]:
    """Return the figures of one round, on servers of its own."""
    with tempfile.TemporaryDirectory(prefix="highlights-bench-") as folder:
        stack = EmbeddedStack(Path(folder), cache_dir=cache_dir(), kafka_port=0, clickhouse_port=0)
        with stack:
            settings = with_endpoints(Settings(data_dir=Path(folder)), stack.endpoints)
            prepare(settings)
            source = SimulateSource(seed=seed, events=events, videos=videos, start_ms=_START_MS)
            publish_supervised(source.supervised_messages(), settings.kafka)
            total = publish_interactions(source, settings.kafka)
            return _run_worker(settings, total)


def _run_worker(settings: Settings, total: int) -> dict[str, float]:
    env = os.environ | as_environment(settings) | {"HIGHLIGHTS_WORKER__METRICS_PORT": "0"}
    started = time.monotonic()
    command = [sys.executable, "-m", "streams.cli", "worker"]
    worker = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL, preexec_fn=lambda: _take_cores(_CORES[-1:]))
    try:
        watched = psutil.Process(worker.pid)
        first, first_count, cpu_before = _wait_for(settings, 1, watched)
        last, last_count, cpu_after = _wait_for(settings, total, watched)
        memory = watched.memory_info().rss
        rows = _clips(settings)
    finally:
        worker.terminate()
        worker.wait(30)
    measured, seconds = last_count - first_count, last - first
    return {
        "interactions": total,
        "start_to_first_commit_s": first - started,
        "measured": measured,
        "seconds": seconds,
        "interactions_per_s": measured / seconds,
        "cpu_s_per_million": (cpu_after - cpu_before) / measured * 1e6,
        "memory_mib": memory / 2**20,
        "clips": rows,
    }


def _take_cores(cores: list[int]) -> None:
    os.sched_setaffinity(0, cores)


def _wait_for(settings: Settings, wanted: int, worker: psutil.Process) -> tuple[float, int, float]:
    """Return (time, interactions committed, CPU seconds used) as soon as that many are committed."""
    watched = CommittedInteractions(settings.kafka, settings.worker.group)
    end = time.monotonic() + _DEADLINE_S
    while time.monotonic() < end:
        committed = watched.count()
        if committed >= wanted:
            used = worker.cpu_times()
            return time.monotonic(), committed, used.user + used.system
        time.sleep(0.02)
    message = f"not {wanted} interactions committed in {_DEADLINE_S:.0f} s"
    raise TimeoutError(message)


def _clips(settings: Settings) -> int:
    with clickhouse.connect(settings.clickhouse) as client:
        return int(client.query("SELECT count() FROM fused_scores").result_rows[0][0])


if __name__ == "__main__":
    typer.run(main)
