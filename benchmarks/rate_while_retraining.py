"""Whether a worker is slower while a ranker is trained beside it, with one core each.

One filled topic is applied again and again by new workers (each round a group of its own), each on a core of its own: alone, and
while `highlights retrain` goes on without a break on the other core, which Kafka, ClickHouse and this script share. The trainer
learns from the state of a worker that has applied everything before; it stands still while a worker is alone. Which of the two
comes first alternates. In the end the training that goes on is waited for: so each has left a release that says when it was, and
how much of a worker's time was beside one can be told, and what part of a core the trainer had.

`python -m benchmarks.rate_while_retraining --rounds 6`; with fewer than two cores it says nothing.
"""

import json
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, NamedTuple

import numpy as np
import psutil
import typer

from benchmarks.children import command, wait_until
from benchmarks.cores import CORES, OTHERS, take_cores
from benchmarks.results import JsonOption
from benchmarks.system import fill, viewers, with_worker
from benchmarks.worker_rate import Run, run_workers
from infra.embedded.process import ChildProcess
from scoring.evaluation.comparison import estimate
from streams.cli.apart import system_apart
from streams.cli.up import prepare
from streams.learning.releases import Releases
from streams.settings import LearningSettings, Settings

_LONGEST_TRAINING_S: Final = 600.0
_ALONE, _BESIDE = "alone", "beside"
_TRAINER: Final = {"HIGHLIGHTS_LEARNING__METRICS_PORT": "0", "OMP_NUM_THREADS": "1"}

Span = tuple[float, float]
"""When something began and ended, Unix seconds."""


class Rate(NamedTuple):
    """A worker's rate, and what the trainer did meanwhile."""

    interactions_per_s: float
    measured: Span
    trainer_cores: float
    """CPU seconds of the trainer in each second that was measured."""


def main(
    events: Annotated[int, typer.Option(min=10_000, help="About how many interactions.")] = 4_000_000,
    videos: Annotated[int, typer.Option(min=1)] = 600,
    rounds: Annotated[int, typer.Option(min=2, help="Pairs of measurements.")] = 6,
    as_json: JsonOption = False,
) -> None:
    """Measure the rounds; print both rates, how long a ranker was trained beside, and the ratio with its interval over rounds."""
    if len(CORES) < 2:
        raise typer.BadParameter("this takes two cores that can be told apart")
    take_cores(OTHERS)
    with system_apart(Settings(learning=LearningSettings(pairs_interval_hours=0))) as settings:
        total = fill(settings, viewers(1, events, videos))
        run_workers(settings, total)
        releases = Releases(settings.learning.folder(settings.data_dir))
        with command(settings, "trainer", "retrain", "--every", "1s", cores=OTHERS, **_TRAINER) as trainer:
            measured = [_round(settings, number, total, trainer) for number in range(rounds)]
            made = len(releases.manifests())
            wait_until(lambda: len(releases.manifests()) > made, "one more release", _LONGEST_TRAINING_S, trainer, pause_s=1.0)
        trainings = [_span(manifest.created_at, manifest.seconds) for manifest in releases.manifests()]
    found = [_figures(of_round, trainings) for of_round in measured]
    _show(total, found, made, as_json)


def _round(settings: Settings, number: int, total: int, trainer: ChildProcess) -> dict[str, Rate]:
    """Return the rates of two new workers, one alone and one beside the trainer; it goes on afterwards."""
    names = (_ALONE, _BESIDE) if number % 2 == 0 else (_BESIDE, _ALONE)
    process, rates = psutil.Process(trainer.pid), {}
    for name in names:
        own = with_worker(settings, group=f"{settings.worker.group}-{number}-{name}")
        prepare(own)
        if name == _ALONE:
            process.suspend()
        try:
            rates[name] = _rate(run_workers(own, total, beside=[trainer]))
        finally:
            process.resume()  # one that stands still would not end, either
    return rates


def _rate(run: Run) -> Rate:
    to_unix_s = time.time() - time.monotonic()
    measured = (run.first.time_s + to_unix_s, run.last.time_s + to_unix_s)
    return Rate(run.figures["interactions_per_s"], measured, run.cpu_s[-1] / run.seconds)


def _span(created_at: str, seconds: float) -> Span:
    end = datetime.fromisoformat(created_at).timestamp()
    return end - seconds, end


def share_within(measured: Span, trainings: Iterable[Span]) -> float:
    """Return what share of a time lies in trainings, which do not overlap; their ends are told to a second."""
    begin, end = measured
    return sum(max(0.0, min(end, last) - max(begin, first)) for first, last in trainings) / (end - begin)


def _figures(rates: dict[str, Rate], trainings: list[Span]) -> dict[str, float]:
    beside = rates[_BESIDE]
    return {
        "alone": rates[_ALONE].interactions_per_s,
        "beside": beside.interactions_per_s,
        "training_share": share_within(beside.measured, trainings),
        "trainer_cores": beside.trainer_cores,
    }


def _show(total: int, found: list[dict[str, float]], made: int, as_json: bool) -> None:
    alone, beside = (np.array([of_round[name] for of_round in found]) for name in (_ALONE, _BESIDE))
    ratio = estimate(beside / alone)
    if as_json:
        waited_for = {"releases_meanwhile": made, "releases_waited_for": 1}
        print(json.dumps({"interactions": total, "rounds": found, "ratio": vars(ratio) if ratio else None} | waited_for))
        return
    print(f"{total:,} interactions a time, {len(found)} rounds, {made} releases made meanwhile, and one waited for in the end")
    for number, of_round in enumerate(found):
        share, cores = of_round["training_share"], of_round["trainer_cores"]
        print(
            f"round {number}: alone {of_round['alone']:,.0f} interactions/s, beside a trainer {of_round['beside']:,.0f}; "
            f"{share:.0%} of that time a ranker was being trained, with {cores:.2f} of a core"
        )
    print(f"alone {alone.mean():,.0f} interactions/s, beside a trainer {beside.mean():,.0f}; ratio {ratio} (95 % over rounds)")


if __name__ == "__main__":
    typer.run(main)
