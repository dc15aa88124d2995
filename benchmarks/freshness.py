"""How old an interaction is when its clip's score in ClickHouse holds it, at shares of the highest rate; and what is published.

First the highest rate is measured, of a worker with a core to itself. Then at each share of it, interactions are sent. A hundred
a second are marks, which carry the time of their sending: each is the only one of its video, so that its row, once it is there,
says by `event_at` when it happened. A reader asks for new marks all the time; what it measures is late by up to one of its own
queries and pauses, never early.

Free, all processes share all cores, as on a machine that has nothing else to do: at half of the highest rate a worker needs some
half of a core. Pinned, the worker has a core to itself, and the sender, Kafka, ClickHouse and the reader share the others;
with two cores that is one for the four of them, which does not do for high rates.
"""

import asyncio
import statistics
import time
import urllib.request
from collections.abc import Callable
from typing import Annotated, Final, NamedTuple

import typer
from clickhouse_connect.driver.client import Client
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from benchmarks.children import Child, wait_until, worker
from benchmarks.cores import CORES, OTHERS, on_cores
from benchmarks.prepared_batches import send_at_rate
from benchmarks.results import JsonOption, OutOption, keep
from benchmarks.sender import Sender, requests_of
from benchmarks.system import at_any_pace
from benchmarks.worker_rate import DEADLINE_S, measure
from infra.embedded.ports import free_port
from schemas.clickhouse import CLIP_SCORES
from schemas.interactions import Interaction
from schemas.topics import INTERACTIONS
from streams import clickhouse
from streams.cli.apart import system_apart
from streams.kafka import VerifiedProducer, topic_name
from streams.settings import KafkaSettings, Settings

_HIGHEST_EVENTS: Final = 4_000_000
_WARM_UP_S: Final = 10
"""Seconds of sending before the first mark that counts: a broker that has just started runs code that is not compiled yet."""
_MARKS_PER_S: Final = 100
_POLL_S: Final = 0.05
_LAST_MARKS_S: Final = 60.0
_SLOWEST: Final = 20
"""A sender that takes so many times as long as it should does not come to an end."""
_SHARES: Final = (0.2, 0.5, 0.8)
_NEW_MARKS: Final = f"""
SELECT video_id, toUnixTimestamp64Milli(event_at) FROM {CLIP_SCORES}
WHERE video_id >= {{first:String}} AND video_id < 'mark.' SETTINGS max_threads = 1
"""


def main(
    highest: Annotated[float | None, typer.Option(help="Interactions a second; measured first when not given.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Time of sending at each share.")] = 15.0,
    videos: Annotated[int, typer.Option(min=1)] = 600,
    pinned: Annotated[
        bool,
        typer.Option("--pinned/--free", help="The worker has a core to itself and all else the others, or all share all cores."),
    ] = False,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure; print a row for each share."""
    if highest is None:
        with on_cores(OTHERS):
            highest = measure(_HIGHEST_EVENTS, videos, seed=1)["interactions_per_s"]
    with on_cores(OTHERS if pinned else CORES):
        rows = [{"share": share} | _measure_share(share * highest, seconds, videos, pinned) for share in _SHARES]
    placement = "pinned" if pinned else "free"
    text = keep({"highest_interactions_per_s": highest, "placement": placement, "rows": rows}, out, "freshness")
    if as_json:
        print(text)
        return
    table = Table(title=f"freshness, {placement}; the highest rate is {highest:,.0f} interactions/s")
    for name in rows[0]:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*(f"{value:,.0f}" if value >= 100 else f"{value:.2f}" for value in row.values()))
    Console().print(table)


def _measure_share(rate: float, seconds: float, videos: int, pinned: bool) -> dict[str, float]:
    """Return the figures at one rate, on servers of its own."""
    port = free_port()
    with (
        system_apart(at_any_pace(Settings())) as settings,
        worker(settings, cores=CORES[-1:] if pinned else CORES, metrics_port=port) as applying,
        Sender(_prepared, settings.kafka, rate, seconds, videos) as sender,
        clickhouse.connect(settings.clickhouse) as client,
    ):
        marks = _Marks(client)
        # The first mark is sent ahead: when it is there, worker and sender are ready.
        wait_until(lambda: marks.read() > 0, "the first mark", DEADLINE_S, applying, sender, pause_s=_POLL_S)
        sent, before, after = _send(sender, marks, port, seconds, applying)
        last = f"the {sent.marks:,} marks"
        wait_until(lambda: marks.read() > sent.marks, last, _LAST_MARKS_S, applying, pause_s=_POLL_S)
    published_s, rows = after.time_s - before.time_s, after.rows - before.rows
    return {
        "interactions_per_s": sent.messages / sent.seconds,
        "marks": sent.marks,
        **marks.quantiles(),
        "scores_per_s": rows / published_s,
        "rows_per_insert": rows / max(after.flushes - before.flushes, 1),
    }


class _Sent(NamedTuple):
    """What a sender has done."""

    marks: int
    """Besides the first."""
    messages: int
    seconds: float


class _Published(NamedTuple):
    """What a worker has published up to a moment."""

    time_s: float
    rows: float
    flushes: float


class _Marks:
    """Marks by their numbers, and how old each was when it was first seen."""

    def __init__(self, client: Client) -> None:
        """Read from ClickHouse."""
        self._client = client
        self._ages: dict[str, float] = {}
        self._seen = 0
        """All of the first so many."""

    def read(self) -> int:
        """Note the age of each mark that was not there before; return how many there are."""
        found = self._client.query(_NEW_MARKS, {"first": _mark(self._seen)}).result_rows
        now = time.time()
        for name, event_ms in found:
            self._ages.setdefault(name, now - event_ms / 1000)
        while _mark(self._seen) in self._ages:
            self._seen += 1
        return len(self._ages)

    def quantiles(self) -> dict[str, float]:
        """Return the quantiles of the ages; the first mark does not count."""
        ages = [age for name, age in self._ages.items() if name != _mark(0)]
        quantiles = statistics.quantiles(ages, n=1000, method="inclusive")
        return {"p50_s": quantiles[499], "p99_s": quantiles[989], "p99_9_s": quantiles[998]}


def _send(sender: Sender, marks: _Marks, port: int, seconds: float, applying: Child) -> tuple[_Sent, _Published, _Published]:
    """Let the sender go, and read marks until it has sent all; return what was published before, and by then."""
    before = _published(port)
    sender.go()
    sent = sender.result(_SLOWEST * seconds + DEADLINE_S, applying, meanwhile=marks.read)
    return sent, before, _published(port)


def _prepared(kafka: KafkaSettings, rate: float, seconds: float, videos: int) -> Callable[[], _Sent]:
    """Prepare what is sent at a rate, and send a mark ahead; return what sends the rest, with marks among it."""
    requests = requests_of(kafka, rate, _WARM_UP_S + seconds, videos)
    producer, topic = VerifiedProducer(kafka), topic_name(kafka, INTERACTIONS)
    _send_mark(producer, topic, 0)
    producer.verify()
    marks = 0

    def send_marks(seconds: float) -> None:
        nonlocal marks
        while marks < int((seconds - _WARM_UP_S) * _MARKS_PER_S):
            marks += 1
            _send_mark(producer, topic, marks)
        producer.poll()

    def send() -> _Sent:
        took_s = asyncio.run(send_at_rate(kafka, topic, requests, rate, send_marks))
        producer.verify()
        return _Sent(marks, sum(request.messages for request in requests), took_s)

    return send


def _send_mark(producer: VerifiedProducer, topic: str, number: int) -> None:
    play = Interaction(
        schema_version=1,
        kind="play",
        video_id=_mark(number),
        session_id=_mark(number),
        occurred_at_ms=int(time.time() * 1000),
        from_s=0.0,
        to_s=10.0,
    )
    producer.send(topic, key=play.video_id.encode(), value=play.to_json())


def _mark(number: int) -> str:
    """Return a mark's name; their order is that of the numbers."""
    return f"mark-{number:08}"


def _published(port: int) -> _Published:
    """Return how many rows and flushes the worker counts so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    now = time.monotonic()
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels in ({}, {"table": CLIP_SCORES})
    }
    return _Published(now, samples.get("highlights_published_rows_total", 0.0), samples["highlights_flush_seconds_count"])


if __name__ == "__main__":
    typer.run(main)
