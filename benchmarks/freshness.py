"""How old an interaction is when its clip's score in ClickHouse holds it, at shares of the highest rate; and what is published.

First the highest rate is measured. Then at each share of it, interactions are sent that carry the time of sending. A hundred
a second are marks: each is the only one of its video, so that its row, once it is there, says by `event_at` when it happened. A
reader asks for new marks all the time; what it measures is late by up to one of its own queries, never early.
"""

import asyncio
import json
import multiprocessing
import socket
import statistics
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from clickhouse_connect.driver.client import Client
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from benchmarks.prepared_batches import prepare as prepare_batches
from benchmarks.prepared_batches import send_at_rate
from benchmarks.worker_rate import CORES, measure, start_worker, take_cores
from infra.embedded.stack import EmbeddedStack
from schemas.clickhouse import CLIP_SCORES
from schemas.interactions import Interaction
from schemas.topics import INTERACTIONS
from streams import clickhouse
from streams.cli.environment import cache_dir, with_endpoints
from streams.cli.up import prepare
from streams.kafka import VerifiedProducer, topic_name
from streams.replay.publish import publish_supervised
from streams.replay.simulate import SimulateSource
from streams.settings import KafkaSettings, Settings

START_MS: Final = 1_790_000_000_000
"""When simulated interactions begin; each carries the time of its sending instead."""
_MARKS_PER_S: Final = 100
_POLL_S: Final = 0.05
_DEADLINE_S: Final = 60.0
_SHARES: Final = (0.2, 0.5, 0.8)


def main(
    highest: Annotated[float | None, typer.Option(help="Interactions a second; measured first when not given.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Time of sending at each share.")] = 15.0,
    videos: Annotated[int, typer.Option(min=1)] = 600,
    out: Annotated[Path | None, typer.Option(help="Folder for freshness.json.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure; print a row for each share."""
    take_cores(CORES[:-1] or CORES)
    rate = highest or measure(1_000_000, videos, seed=1)["interactions_per_s"]
    rows = [{"share": share} | _measure_share(share * rate, seconds, videos) for share in _SHARES]
    text = json.dumps({"highest_interactions_per_s": rate, "rows": rows}, indent=2)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "freshness.json").write_text(text + "\n")
    if as_json:
        print(text)
        return
    table = Table(title=f"freshness; the highest rate is {rate:,.0f} interactions/s")
    for name in rows[0]:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*(f"{value:,.0f}" if value >= 100 else f"{value:.2f}" for value in row.values()))
    Console().print(table)


def _measure_share(rate: float, seconds: float, videos: int) -> dict[str, float]:
    """Return the figures at one rate, on servers of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="highlights-bench-") as folder,
        EmbeddedStack(Path(folder), cache_dir=cache_dir(), kafka_port=0, clickhouse_port=0) as stack,
    ):
        settings = with_endpoints(Settings(data_dir=Path(folder)), stack.endpoints)
        prepare(settings)
        port = _free_port()
        worker = start_worker(settings, CORES[-1], port)
        processes = multiprocessing.get_context("spawn")
        go, sent = processes.Event(), processes.Queue()
        sender = processes.Process(target=_send, args=(settings.kafka, rate, seconds, videos, go, sent))
        sender.start()
        try:
            with clickhouse.connect(settings.clickhouse) as client:
                return _watch(client, go, sent, port)
        finally:
            sender.terminate()
            sender.join()
            worker.terminate()
            worker.wait(30)


def _watch(client: Client, go: Any, sent: Any, port: int) -> dict[str, float]:
    """Let the sender go, and note each mark's age when it is first seen, until all are there."""
    ages: dict[str, float] = {}
    while not ages:  # one mark is sent ahead: when it is there, worker and sender are ready
        _read(client, ages)
    before = _published(port)
    go.set()
    marks, messages, seconds, deadline = None, 0, 0.0, time.monotonic() + _DEADLINE_S
    while marks is None or len(ages) <= marks:
        _read(client, ages)
        if marks is None and not sent.empty():
            marks, messages, seconds = sent.get()
            deadline = time.monotonic() + _DEADLINE_S
        if marks is not None and time.monotonic() > deadline:
            message = f"{marks + 1 - len(ages)} of {marks} marks did not come within {_DEADLINE_S:.0f} s of the last message"
            raise TimeoutError(message)
    after = _published(port)
    ages.pop("mark-ahead")
    quantiles = statistics.quantiles(ages.values(), n=1000, method="inclusive")
    rows, flushes = after["rows"] - before["rows"], after["flushes"] - before["flushes"]
    return {
        "interactions_per_s": messages / seconds,
        "marks": marks,
        "p50_s": quantiles[499],
        "p99_s": quantiles[989],
        "p99_9_s": quantiles[998],
        "scores_per_s": rows / seconds,
        "rows_per_insert": rows / max(flushes, 1),
    }


def _read(client: Client, ages: dict[str, float]) -> None:
    """Note the age of each mark that was not there before."""
    query = "SELECT video_id, toUnixTimestamp64Milli(event_at) FROM clip_scores WHERE startsWith(video_id, 'mark-')"
    found = client.query(query).result_rows
    now = time.time()
    for video_id, event_ms in found:
        ages.setdefault(video_id, now - event_ms / 1000)
    time.sleep(_POLL_S)


def _send(kafka: KafkaSettings, rate: float, seconds: float, videos: int, go: Any, sent: Any) -> None:
    """Send at a rate, and marks with the times of their sending among them."""
    take_cores(CORES[:-1] or CORES)
    source = SimulateSource(seed=1, events=int(rate * seconds), videos=videos, start_ms=START_MS)
    publish_supervised(source.supervised_messages(), kafka)
    batches = list(prepare_batches(source, kafka))
    producer, topic = VerifiedProducer(kafka), topic_name(kafka, INTERACTIONS)
    _send_mark(producer, topic, "ahead")
    producer.verify()
    go.wait()
    marks = 0

    def send_marks(seconds: float) -> None:
        nonlocal marks
        while marks < int(seconds * _MARKS_PER_S):
            _send_mark(producer, topic, str(marks))
            marks += 1
        producer.poll()

    took_s = asyncio.run(send_at_rate(kafka, topic, batches, rate, send_marks))
    sent.put((marks, sum(batch.messages for batch in batches), took_s))
    producer.verify()


def _send_mark(producer: VerifiedProducer, topic: str, name: str) -> None:
    play = Interaction(
        schema_version=1,
        kind="play",
        video_id=f"mark-{name}",
        session_id=f"mark-{name}",
        occurred_at_ms=int(time.time() * 1000),
        from_s=0.0,
        to_s=10.0,
    )
    producer.send(topic, key=play.video_id.encode(), value=play.to_json())


def _published(port: int) -> dict[str, float]:
    """Return how many rows and flushes the worker counts so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels in ({}, {"table": CLIP_SCORES})
    }
    return {"rows": samples.get("highlights_published_rows_total", 0.0), "flushes": samples["highlights_flush_seconds_count"]}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    typer.run(main)
