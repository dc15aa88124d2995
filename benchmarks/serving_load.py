"""How long `highlights serve` takes for the best 100 of a large library, on one core, while a worker writes scores.

A worker applies interactions that are sent at a rate, and publishes them as it does anywhere. Its clips are a part of the
library; the rest are rows of other videos that stand still, since the feed ranks all of them and the worker need not know them.

Requests are sent by the clock, whether or not those before have been answered; a latency counts from when its request was due.
Meanwhile, twice a second, somebody plays a certain clip, and a stream that is open on it tells when the change has arrived: that
age counts from the sending of the interaction, through Kafka, worker, ClickHouse and feed, to the event.

The server has a core to itself, and so has the worker where there are three; Kafka, ClickHouse, the senders and this script share
the others. On two cores they are too many for one core: the rate that was reached is told beside the one that was asked for.
Free, all of them share all cores, as on a machine that has nothing else to do.
"""

import asyncio
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Annotated, Any, Final, NamedTuple

import aiohttp
import numpy as np
import typer
from clickhouse_connect.driver.client import Client

from benchmarks.children import command, wait_until, worker
from benchmarks.cores import CORES, OTHERS, take_cores
from benchmarks.peers.memory import peak_mib
from benchmarks.prepared_batches import send_at_rate
from benchmarks.results import OutOption, keep
from benchmarks.sender import Sender, requests_of
from benchmarks.system import at_any_pace
from benchmarks.worker_rate import DEADLINE_S
from infra.embedded.ports import free_port
from infra.embedded.process import ChildProcess
from schemas.interactions import Interaction
from schemas.topics import INTERACTIONS
from streams import clickhouse
from streams.cli.apart import system_apart
from streams.kafka import CommittedOffsets, VerifiedProducer, ensure_topics, topic_name
from streams.settings import KafkaSettings, Settings


class _Placement(NamedTuple):
    """Which cores are whose."""

    server: list[int]
    worker: list[int]
    shared: list[int]
    """Of all else."""


_PINNED: Final = _Placement(CORES[-1:], CORES[-2:-1] or CORES, CORES[:-2] or OTHERS)
_FREE: Final = _Placement(CORES, CORES, CORES)
_CLIPS_PER_VIDEO = 500
_FEEDS = ("", "&category=c3", "&per_video=2", "&minimum_evidence=50", "&tag=goal")
_WATCHED = "watched-by-the-benchmark"
_PLAYS_PER_S = 2
_WARM_UP_S = 3
"""Seconds of requests and interactions before what counts: connections are opened, and code runs for the first time."""
_SCORES = f"""
INSERT INTO clip_scores (video_id, clip_index, score, worth, score_low, score_high, behaviour_score, exposures, event_at,
                         source_offset, supervised_offset, version)
WITH number * 2654435761 % 1000000 / 100000 AS value
SELECT concat('still-', toString(intDiv(number, {_CLIPS_PER_VIDEO}))), number % {_CLIPS_PER_VIDEO},
       value, value, value - 1, value + 1, value, number % 100, now64(3), 1, 0, 1
FROM numbers({{count:UInt64}})
"""
_OUTPUTS = f"""
INSERT INTO supervised_outputs (video_id, clip_index, score_mean, score_sd, tags, category, model_version, source_offset)
SELECT concat('still-', toString(intDiv(number, {_CLIPS_PER_VIDEO}))), number % {_CLIPS_PER_VIDEO}, 5, 1,
       map('goal', number % 7 / 7, 'talk', 0.3), concat('c', toString(intDiv(number, {_CLIPS_PER_VIDEO}) % 10)), 'm', 0
FROM numbers({{count:UInt64}})
"""


def main(
    clips: Annotated[int, typer.Option(min=1_000, help="Clips that stand still; the worker's come on top.")] = 500_000,
    requests_per_second: Annotated[int, typer.Option(min=1)] = 200,
    seconds: Annotated[int, typer.Option(min=2)] = 30,
    interactions_per_second: Annotated[
        int, typer.Option(min=1, help="Sent; a worker with a core of its own applies five times as many.")
    ] = 90_000,
    videos: Annotated[int, typer.Option(min=1, help="Of the worker.")] = 600,
    pinned: Annotated[
        bool,
        typer.Option("--pinned/--free", help="Server and worker have a core each to themselves, or all share all cores."),
    ] = True,
    out: OutOption = None,
) -> None:
    """Measure once; print JSON. Latencies in milliseconds, ages in seconds."""
    placement = _PINNED if pinned else _FREE
    take_cores(placement.shared)
    with system_apart(at_any_pace(Settings())) as settings, clickhouse.connect(settings.clickhouse) as client:
        client.command(_OUTPUTS, {"count": clips})
        client.command(_SCORES, {"count": clips})
        found = _measure(settings, client, placement, requests_per_second, seconds, (interactions_per_second, videos))
    asked = {
        "clips_that_stand_still": clips,
        "requests_per_s": requests_per_second,
        "interactions_per_s_asked": interactions_per_second,
    }
    print(keep({"cores": len(CORES), "placement": "pinned" if pinned else "free"} | asked | found, out, "serving_load"))


def _measure(
    settings: Settings, client: Client, placement: _Placement, rate: int, seconds: int, sending: tuple[int, int]
) -> dict[str, Any]:
    port = free_port()
    with ExitStack() as stack:
        applying = stack.enter_context(worker(settings, cores=placement.worker))
        server = stack.enter_context(_server(settings, port, placement.server))
        sender = stack.enter_context(Sender(_prepared, settings.kafka, *sending, _WARM_UP_S + seconds))
        children = (applying, server, sender)
        wait_until(lambda: sender.is_prepared, "the sender is prepared", DEADLINE_S, *children, pause_s=0.2)
        wait_until(partial(_is_ready, port), "the server is ready", DEADLINE_S, *children, pause_s=0.2)
        found = asyncio.run(_watch(settings, port, rate, seconds, sender.go))
        found["interactions_per_s_sent"] = round(sender.result(DEADLINE_S, applying, server))
        found["server_mib"] = round(peak_mib(server.pid))
    query = "SELECT count() FROM clip_score_history WHERE NOT startsWith(video_id, 'still-')"
    found["rows_published"] = client.query(query).result_rows[0][0]
    return found


def _server(settings: Settings, port: int, cores: list[int]) -> AbstractContextManager[ChildProcess]:
    variables = {"HIGHLIGHTS_SERVING__PORT": str(port), "HIGHLIGHTS_SERVING__METRICS_PORT": "0"}
    return command(settings, "server", "serve", cores=cores, **variables)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:  # it does not listen yet, or says that it is not ready
        return False


async def _watch(settings: Settings, port: int, rate: int, seconds: int, go: Callable[[], None]) -> dict[str, Any]:
    """Let the sender go when the whole way works, load the server for so many seconds, and return the figures."""
    partitions = ensure_topics(settings.kafka, settings.group)
    committed = CommittedOffsets(settings.kafka, settings.group, partitions)
    plays = _Plays(settings.kafka)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=aiohttp.TCPConnector(limit=100)) as session:
        await plays.play()
        watching = asyncio.create_task(plays.watch(session))
        await asyncio.wait_for(plays.seen.wait(), DEADLINE_S)
        go()
        await _load(session, rate, _WARM_UP_S)
        before, began = committed.count(), time.monotonic()
        playing = asyncio.create_task(plays.go_on(seconds))
        latencies = np.array(await _load(session, rate, seconds)) * 1_000
        applied = (committed.count() - before) / (time.monotonic() - began)
        await playing
        await asyncio.wait_for(plays.all_seen(), DEADLINE_S)
        watching.cancel()
    ages = np.array([plays.seen_at[number] - plays.sent_at[number] for number in range(1, len(plays.sent_at))])
    return {
        "interactions_per_s_applied": round(applied),
        "requests": len(latencies),
        **_figures("answer_ms", latencies),
        "changes": len(ages),
        **_figures("change_age_s", ages),
    }


def _figures(name: str, values: Any) -> dict[str, float]:
    shown = {"p50": np.percentile(values, 50), "p99": np.percentile(values, 99), "largest": values.max()}
    return {f"{name}_{which}": round(float(value), 2) for which, value in shown.items()}


class _Plays:
    """Plays of one clip, and when a stream has told of each: the clip's number of sessions says which are in."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._producer, self._topic = VerifiedProducer(kafka, **{"linger.ms": 0}), topic_name(kafka, INTERACTIONS)
        self.sent_at: list[float] = []
        self.seen_at: list[float] = []
        self.seen = asyncio.Event()

    async def play(self) -> None:
        """Let one more session play the clip."""
        number = len(self.sent_at)
        play = Interaction(
            schema_version=1,
            kind="play",
            video_id=_WATCHED,
            session_id=f"session-{number}",
            occurred_at_ms=int(time.time() * 1000),
            from_s=0.0,
            to_s=10.0,
        )
        self.sent_at.append(time.monotonic())
        self._producer.send(self._topic, key=_WATCHED.encode(), value=play.to_json())
        self._producer.poll()

    async def go_on(self, seconds: float) -> None:
        """Play for a while."""
        for _ in range(int(seconds * _PLAYS_PER_S)):
            await self.play()
            await asyncio.sleep(1 / _PLAYS_PER_S)
        self._producer.verify()

    async def watch(self, session: aiohttp.ClientSession) -> None:
        """Follow the feed of the clip's video."""
        address = f"/v1/stream?limit=5&video={_WATCHED}"
        async with session.get(address, timeout=aiohttp.ClientTimeout(total=None)) as answer:
            async for page in _pages(answer):
                sessions = max((item["exposures"] for item in page["items"]), default=0)
                self.seen_at += [time.monotonic()] * (sessions - len(self.seen_at))
                if sessions:
                    self.seen.set()

    async def all_seen(self) -> None:
        """Wait until the stream has told of each play."""
        while len(self.seen_at) < len(self.sent_at):
            await asyncio.sleep(0.05)


async def _pages(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    async for line in answer.content:
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


def _prepared(kafka: KafkaSettings, rate: int, videos: int, seconds: int) -> Callable[[], float]:
    """Prepare what is sent at a rate; return what sends it, and tells the rate that it reached."""
    requests, topic = requests_of(kafka, rate, seconds, videos), topic_name(kafka, INTERACTIONS)

    def send() -> float:
        took_s = asyncio.run(send_at_rate(kafka, topic, requests, rate, lambda _: None))
        return sum(request.messages for request in requests) / took_s

    return send


async def _load(session: aiohttp.ClientSession, rate: int, seconds: int) -> list[float]:
    async def one(number: int, due: float) -> float:
        address = f"/v1/highlights?limit=100{_FEEDS[number % len(_FEEDS)]}"
        async with session.get(address) as answer:
            answer.raise_for_status()
            await answer.read()
        return time.monotonic() - due

    start, asked = time.monotonic(), []
    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            due = start + number / rate
            await asyncio.sleep(due - time.monotonic())
            asked.append(group.create_task(one(number, due)))
    return [task.result() for task in asked]


if __name__ == "__main__":
    typer.run(main)
