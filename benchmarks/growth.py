"""How rate and memory of the worker grow: with clips, partitions, workers, cores, message size, duplicates' share, and skew.

One thing is changed at a time, against the same base, which is measured first and last: what the two differ by is the machine's.
Workers have a core each, and all else has the others; where workers take all of them, all else shares them, but for the last.
On the curve of cores the whole system, with Kafka, ClickHouse and this script, has no more cores than workers.
The first half of the interactions fills the state, and the second is measured. Each further round goes the other way round.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Any, Final, NamedTuple

import numpy as np
import typer

from benchmarks.cores import CORES, OTHERS, on_cores
from benchmarks.results import JsonOption, OutOption, keep
from benchmarks.system import fill, viewers
from benchmarks.worker_rate import run_workers
from streams.cli.apart import system_apart
from streams.replay.simulate import SimulateSource
from streams.replay.source import ReplayBatch
from streams.settings import KafkaSettings, Settings

_HOT: Final = b"v-everyone"
_CLIPS_OF_A_VIDEO: Final = 72
"""On average, in simulated libraries."""

Change = Callable[[ReplayBatch], ReplayBatch]


class Curve(StrEnum):
    """What is changed along a curve."""

    BASE = "base"
    CLIPS = "clips"
    PARTITIONS = "partitions"
    WORKERS = "workers"
    CORES = "cores"
    MESSAGES = "messages"
    DUPLICATES = "duplicates"
    SKEW = "skew"


class Variant(NamedTuple):
    """One point of a curve."""

    what: Curve
    value: str
    videos: int = 600
    partitions: int | None = None
    workers: int = 1
    shared: bool = False
    """Whether all else shares the workers' cores."""
    change: Change = lambda batch: batch


class ChangedSource:
    """A source whose batches are changed."""

    def __init__(self, source: SimulateSource, change: Change) -> None:
        """Wrap a source."""
        self._source, self._change = source, change
        self.expected_events = source.expected_events
        self.supervised_messages = source.supervised_messages

    def batches(self) -> Iterator[ReplayBatch]:
        """Yield the changed batches."""
        return map(self._change, self._source.batches())


def repeated(share: float) -> Change:
    """Return a change that sends some messages again, so that they are that share of all."""

    def change(batch: ReplayBatch) -> ReplayBatch:
        count = len(batch.values)
        again = np.linspace(0, count - 1, int(count * share / (1 - share))).astype(int).tolist()
        keys, values = batch.keys + [batch.keys[at] for at in again], batch.values + [batch.values[at] for at in again]
        return ReplayBatch(keys, values, np.concatenate([batch.event_times_ms, batch.event_times_ms[again]]))

    return change


def padded(size: int) -> Change:
    """Return a change that adds a field of so many bytes that the contract does not know."""
    tail = b',"player":"' + b"x" * size + b'"}'

    def change(batch: ReplayBatch) -> ReplayBatch:
        return ReplayBatch(batch.keys, [value[:-1] + tail for value in batch.values], batch.event_times_ms)

    return change


def skewed(batch: ReplayBatch) -> ReplayBatch:
    """Send the traffic of about every second video to one."""
    keys, values = list(batch.keys), list(batch.values)
    for at, key in enumerate(batch.keys):
        if key is not None and key[-1] % 2:
            keys[at], values[at] = _HOT, values[at].replace(b'"' + key + b'"', b'"' + _HOT + b'"')
    return ReplayBatch(keys, values, batch.event_times_ms)


_BASE: Final = Variant(Curve.BASE, "43 k clips, 4 partitions, 1 worker")
VARIANTS: Final = (
    _BASE,
    *(Variant(Curve.CLIPS, f"{clips:,}", videos=clips // _CLIPS_OF_A_VIDEO) for clips in (10_000, 100_000, 500_000, 2_000_000)),
    *(Variant(Curve.PARTITIONS, str(partitions), partitions=partitions) for partitions in (1, 16)),
    *(Variant(Curve.WORKERS, str(workers), workers=workers) for workers in (2, 4) if workers <= len(CORES)),
    *(Variant(Curve.CORES, str(cores), workers=cores, shared=True) for cores in (1, 2, 4) if cores <= len(CORES)),
    *(Variant(Curve.MESSAGES, f"{size:,} bytes more", change=padded(size)) for size in (200, 1_000)),
    *(Variant(Curve.DUPLICATES, f"{share:.0%} of all", change=repeated(share)) for share in (0.2, 0.5)),
    Variant(Curve.SKEW, "half of the traffic on one video", change=skewed),
    _BASE,
)
_FIGURES: Final = ("interactions", "clips", "interactions_per_s", "cpu_s_per_million", "memory_mib")


def main(
    events: Annotated[int, typer.Option(min=1_000, help="About how many interactions a point.")] = 1_000_000,
    what: Annotated[Curve | None, typer.Option(help="One curve alone.")] = None,
    rounds: Annotated[int, typer.Option(min=1)] = 1,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure; print a row for each point as soon as it is measured."""
    variants = [one for one in VARIANTS if what in (None, one.what)]
    if not variants:
        message = f"--what {what}: that takes two cores, and here is one"
        raise typer.BadParameter(message)
    if not as_json:
        _print(("what", "value", *_FIGURES))
    rows: list[dict[str, Any]] = []
    for number in range(rounds):
        for variant in variants[:: -1 if number % 2 else 1]:
            rows.append(_measure(variant, events))
            if not as_json:
                _print(rows[-1].values())
            text = keep(rows, out, "growth")  # after each, for a whole run takes its time
    if as_json:
        print(text)


def _measure(variant: Variant, events: int) -> dict[str, Any]:
    """Return the figures of one point, on servers of its own."""
    asked = Settings(kafka=KafkaSettings(interactions_partitions=variant.partitions))
    all_else = CORES[-variant.workers :] if variant.shared else CORES[: -variant.workers] or OTHERS
    with on_cores(all_else), system_apart(asked) as settings:
        total = fill(settings, ChangedSource(viewers(1, events, variant.videos), variant.change))
        figures = run_workers(settings, total, workers=variant.workers, after=total // 2).figures
    return {"what": variant.what, "value": variant.value} | {name: figures[name] for name in _FIGURES}


def _print(cells: Iterable[Any]) -> None:
    what, value, *figures = cells
    print(f"{what:<12}{value:<34}" + "".join(f"{_shown(figure):>20}" for figure in figures), flush=True)


def _shown(figure: str | float) -> str:
    return figure if isinstance(figure, str) else f"{figure:,.{0 if figure >= 100 else 2}f}"


if __name__ == "__main__":
    typer.run(main)
