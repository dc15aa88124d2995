"""Whether a worker is slower while a ranker is trained beside it, with one core each.

One filled topic is applied again and again by new workers (each round a group of its own), each on a core of its own: alone, and
while `highlights retrain` goes on without a break on the other core, which Kafka, ClickHouse and this script share. The trainer
learns from the state of a worker that has applied everything before; it stands still while a worker is alone, and in the end it
is waited for until it has made a release. Which of the two comes first alternates.

`python -m benchmarks.rate_while_retraining --rounds 6`; with fewer than two cores it says nothing.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
import typer

from benchmarks.worker_rate import CORES, run_workers, take_cores
from infra.embedded.stack import EmbeddedStack
from scoring.evaluation.comparison import estimate
from streams.cli.environment import cache_dir, environment_of, with_endpoints
from streams.cli.up import prepare
from streams.learning.releases import Releases
from streams.replay.publish import publish_interactions, publish_supervised
from streams.replay.simulate import SimulateSource
from streams.settings import LearningSettings, Settings

_START_MS = 1_790_000_000_000
_DEADLINE_S = 300.0


def main(
    events: Annotated[int, typer.Option(min=10_000, help="About how many interactions.")] = 4_000_000,
    videos: Annotated[int, typer.Option(min=1)] = 600,
    rounds: Annotated[int, typer.Option(min=2, help="Pairs of measurements.")] = 6,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure the rounds; print both rates, and their ratio with its interval over rounds."""
    take_cores(CORES[:-1] or CORES)
    with tempfile.TemporaryDirectory(prefix="highlights-bench-") as folder:
        own = Settings(data_dir=Path(folder), learning=LearningSettings(pairs_interval_hours=0))
        total, found = _measure(own, events, videos, rounds)
        trained = len(Releases(own.learning.folder(own.data_dir)).manifests())
    alone, beside = (np.array([of_round[name] for of_round in found]) for name in ("alone", "beside"))
    ratio = estimate(beside / alone)
    if as_json:
        print(json.dumps({"interactions": total, "rounds": found, "releases": trained, "ratio": vars(ratio) if ratio else None}))
    else:
        print(f"{total:,} interactions a time, {rounds} rounds, {trained} releases made meanwhile")
        print(
            f"alone {alone.mean():,.0f} interactions/s, beside a trainer {beside.mean():,.0f}; ratio {ratio} (95 % over rounds)"
        )


def _measure(own: Settings, events: int, videos: int, rounds: int) -> tuple[int, list[dict[str, float]]]:
    """Return how many interactions were sent, and the rates of each round."""
    with EmbeddedStack(own.data_dir, cache_dir=cache_dir(), kafka_port=0, clickhouse_port=0) as stack:
        settings = with_endpoints(own, stack.endpoints)
        prepare(settings)
        source = SimulateSource(seed=1, events=events, videos=videos, start_ms=_START_MS)
        publish_supervised(source.supervised_messages(), settings.kafka)
        total = publish_interactions(source, settings.kafka)
        run_workers(settings, total)
        with _trainer(settings) as trainer:
            found = [_round(settings, number, total, trainer) for number in range(rounds)]
            _wait_for_release(own, trainer)
        return total, found


def _round(settings: Settings, number: int, total: int, trainer: psutil.Popen) -> dict[str, float]:
    names = ("alone", "beside") if number % 2 == 0 else ("beside", "alone")
    rates = {}
    for name in names:
        (trainer.suspend if name == "alone" else trainer.resume)()
        rates[name] = _rate(settings, f"{settings.group}-{number}-{name}", total)
        if trainer.poll() is not None:
            message = f"the trainer ended with {trainer.returncode}: the rate beside it says nothing"
            raise RuntimeError(message)
    trainer.resume()
    return rates


def _rate(settings: Settings, group: str, total: int) -> float:
    """Return the interactions a second of a new worker."""
    own = settings.model_copy(update={"worker": settings.worker.model_copy(update={"group": group})})
    prepare(own)
    return run_workers(own, total)["interactions_per_s"]


@contextmanager
def _trainer(settings: Settings) -> Iterator[psutil.Popen]:
    """Train on the core that is not the worker's, again and again."""
    command = [sys.executable, "-m", "streams.cli", "retrain", "--every", "1s"]
    env = environment_of(settings) | {"OMP_NUM_THREADS": "1"}
    trainer = psutil.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield trainer
    finally:
        if trainer.poll() is None:
            trainer.resume()  # one that stands still would not end
            trainer.terminate()
            trainer.wait(60)


def _wait_for_release(own: Settings, trainer: psutil.Popen) -> None:
    end = time.monotonic() + _DEADLINE_S
    while not Releases(own.learning.folder(own.data_dir)).manifests():
        if trainer.poll() is not None or time.monotonic() > end:
            message = "the trainer has made no release: the rate beside it says nothing"
            raise RuntimeError(message)
        time.sleep(1)


if __name__ == "__main__":
    typer.run(main)
