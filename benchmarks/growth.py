"""How rate and memory of the worker grow: with clips, partitions, workers, message size, duplicates' share, and skew.

One thing is changed at a time, against the same base, which is measured first and last: what the two differ by is the machine's.
The first half of the interactions fills the state, and the second is measured.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.worker_rate import CORES, run_workers, take_cores
from infra.embedded.stack import EmbeddedStack
from streams.cli.environment import cache_dir, with_endpoints
from streams.cli.up import prepare
from streams.replay.publish import publish_interactions, publish_supervised
from streams.replay.simulate import SimulateSource
from streams.replay.source import ReplayBatch
from streams.settings import KafkaSettings, Settings

_START_MS: Final = 1_790_000_000_000
_HOT: Final = b"v-everyone"
_CLIPS_OF_A_VIDEO: Final = 72
"""On average, in simulated libraries."""

Change = Callable[[ReplayBatch], ReplayBatch]


class Variant(NamedTuple):
    """One point of a curve."""

    what: str
    value: str
    videos: int = 600
    partitions: int | None = None
    workers: int = 1
    change: Change = lambda batch: batch


class ChangedSource:
    """A source whose batches are changed."""

    def __init__(self, source: SimulateSource, change: Change) -> None:
        """Wrap a source."""
        self._source, self._change = source, change
        self.expected_events = source.expected_events

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


_BASE: Final = Variant("base", "43 k clips, 4 partitions, 1 worker")
VARIANTS: Final = (
    _BASE,
    *(Variant("clips", f"{clips:,}", videos=clips // _CLIPS_OF_A_VIDEO) for clips in (10_000, 100_000, 500_000, 2_000_000)),
    *(Variant("partitions", str(partitions), partitions=partitions) for partitions in (1, 16)),
    *(Variant("workers", str(workers), workers=workers) for workers in (2,) if workers <= len(CORES)),
    *(Variant("message, bytes more", str(size), change=padded(size)) for size in (200, 1_000)),
    *(Variant("duplicates' share", f"{share:.0%}", change=repeated(share)) for share in (0.2, 0.5)),
    Variant("skew", "half of the traffic on one video", change=skewed),
    _BASE,
)


def main(
    events: Annotated[int, typer.Option(min=1_000, help="About how many interactions a point.")] = 1_000_000,
    what: Annotated[str | None, typer.Option(help="One curve alone, by its name.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for growth.json.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure; print a row for each point."""
    take_cores(CORES[:-1] or CORES)
    rows: list[dict[str, Any]] = []
    for variant in track([one for one in VARIANTS if what in (None, one.what)], console=Console(stderr=True)):
        rows.append(_measure(variant, events))
        if out is not None:  # after each, for a whole run takes its time
            out.mkdir(parents=True, exist_ok=True)
            (out / "growth.json").write_text(json.dumps(rows, indent=2) + "\n")
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table(title=f"about {events:,} interactions a point")
    for name in rows[0]:
        table.add_column(name.replace("_", " "), justify="left" if name in ("what", "value") else "right")
    for row in rows:
        table.add_row(*(value if isinstance(value, str) else f"{value:,.{0 if value >= 100 else 2}f}" for value in row.values()))
    Console().print(table)


def _measure(variant: Variant, events: int) -> dict[str, Any]:
    """Return the figures of one point, on servers of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="highlights-bench-") as folder,
        EmbeddedStack(Path(folder), cache_dir=cache_dir(), kafka_port=0, clickhouse_port=0) as stack,
    ):
        kafka = KafkaSettings(interactions_partitions=variant.partitions)
        settings = with_endpoints(Settings(data_dir=Path(folder), kafka=kafka), stack.endpoints)
        prepare(settings)
        source = SimulateSource(seed=1, events=events, videos=variant.videos, start_ms=_START_MS)
        publish_supervised(source.supervised_messages(), settings.kafka)
        total = publish_interactions(ChangedSource(source, variant.change), settings.kafka)
        figures = run_workers(settings, total, variant.workers, after=total // 2)
    shown = ("interactions", "clips", "interactions_per_s", "cpu_s_per_million", "memory_mib")
    return {"what": variant.what, "value": variant.value} | {name: figures[name] for name in shown}


if __name__ == "__main__":
    typer.run(main)
