"""How long `highlights serve` takes for the best 100 of a large library, on one core, while a worker writes scores.

A worker applies interactions that are sent at a rate, and publishes them as it does anywhere. Its clips are a part of the
library; the rest are rows of other videos that stand still, since the feed ranks all of them and the worker need not know them.

Requests are sent by the clock, whether or not those before have been answered; a latency counts from when its request was due.
Meanwhile somebody plays a certain clip again and again, and a stream that is open on it tells when the change has arrived: that
age counts from the sending of the interaction, through Kafka, worker, ClickHouse and feed, to the event.

With a backlog nothing is sent meanwhile: so many interactions wait in Kafka when the worker starts, which applies them as fast as
it can, as after a standstill. That leaves the sender's share of the cores to it; a change is as old as the backlog then, so no
age is told.

Pinned, the server has a core to itself, and so has the worker where there are three; Kafka, ClickHouse, the senders and this
script share the others. On two cores they are too many for one: the rate that was reached is told beside the one that was asked
for. Weighted, they all share all cores, but the server keeps to one, and there worker, Kafka and ClickHouse give way to it, as
containers do that have asked for less CPU. Free, all share all alike.
"""

import asyncio
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Final, NamedTuple

import aiohttp
import numpy as np
import psutil
import typer
from clickhouse_connect.driver.client import Client

from benchmarks.children import command, wait_until, worker
from benchmarks.cores import CORES, OTHERS, give_way, take_cores
from benchmarks.peers.memory import peak_mib
from benchmarks.plays import Plays
from benchmarks.prepared_batches import send_at_rate
from benchmarks.results import OutOption, keep
from benchmarks.sender import Sender, requests_of
from benchmarks.system import at_any_pace, fill, viewers
from benchmarks.worker_rate import DEADLINE_S
from infra.embedded.ports import free_port
from infra.embedded.process import ChildProcess
from schemas.topics import INTERACTIONS
from streams import clickhouse
from streams.cli.apart import system_apart
from streams.kafka import CommittedOffsets, ensure_topics, topic_name
from streams.settings import KafkaSettings, Settings


class Placement(StrEnum):
    """Which cores are whose."""

    PINNED = "pinned"
    WEIGHTED = "weighted"
    FREE = "free"


class _Cores(NamedTuple):
    server: list[int] = CORES
    worker: list[int] = CORES
    shared: list[int] = CORES
    """Of all else."""


class _Load(NamedTuple):
    """What is asked of the system."""

    placement: Placement
    requests_per_s: int
    seconds: int
    interactions_per_s: int
    """Sent, where there is no backlog."""
    backlog: int
    videos: int
    """Of the worker."""


_CORES: Final = {
    Placement.PINNED: _Cores(CORES[-1:], CORES[-2:-1] or CORES, CORES[:-2] or OTHERS),
    Placement.WEIGHTED: _Cores(server=CORES[-1:]),
    Placement.FREE: _Cores(),
}
_CLIPS_PER_VIDEO = 500
_FEEDS = ("", "&category=c3", "&per_video=2", "&minimum_evidence=50", "&tag=goal")
_WARM_UP_S = 3
"""Seconds of requests and interactions before what counts: connections are opened, and code runs for the first time."""
_FIRST_PART: Final = 0.1
"""Of a backlog: applied before anything is asked for, while the worker starts and code runs for the first time."""
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
    backlog: Annotated[int, typer.Option(min=0, help="So many interactions wait when the worker starts; none are sent.")] = 0,
    videos: Annotated[int, typer.Option(min=1, help="Of the worker.")] = 600,
    placement: Annotated[Placement, typer.Option(help="Which cores are whose.")] = Placement.PINNED,
    out: OutOption = None,
) -> None:
    """Measure once; print JSON. Latencies in milliseconds, ages in seconds."""
    load = _Load(placement, requests_per_second, seconds, interactions_per_second, backlog, videos)
    cores = _CORES[placement]
    take_cores(cores.shared)
    with system_apart(at_any_pace(Settings())) as settings, clickhouse.connect(settings.clickhouse) as client:
        client.command(_OUTPUTS, {"count": clips})
        client.command(_SCORES, {"count": clips})
        found = (_catching_up if backlog else _kept_up)(settings, cores, load)
        found |= _published(client)
    asked = {"cores": len(CORES), "clips_that_stand_still": clips}
    print(keep(asked | load._asdict() | found, out, "serving_load"))


def _published(client: Client) -> dict[str, Any]:
    query = "SELECT count() FROM clip_score_history WHERE NOT startsWith(video_id, 'still-')"
    return {"rows_published": client.query(query).result_rows[0][0]}


def _kept_up(settings: Settings, cores: _Cores, load: _Load) -> dict[str, Any]:
    """Return the figures while interactions are sent at a rate."""
    arguments = (settings.kafka, load.interactions_per_s, load.videos, _WARM_UP_S + load.seconds)
    with _pair(settings, cores, load.placement) as pair, Sender(_prepared, *arguments) as sender:
        wait_until(lambda: sender.is_prepared, "the sender is prepared", DEADLINE_S, *pair.children, sender, pause_s=0.2)
        found = asyncio.run(_while_sent(settings, pair, load, sender.go))
        found["interactions_per_s_sent"] = round(sender.result(DEADLINE_S, *pair.children))
        return found | pair.memory


def _catching_up(settings: Settings, cores: _Cores, load: _Load) -> dict[str, Any]:
    """Return the figures while a backlog is applied.

    Raises:
        typer.BadParameter: the backlog was applied before the time was over.
    """
    total = fill(settings, viewers(1, load.backlog, load.videos))
    with _pair(settings, cores, load.placement) as pair:
        committed = _committed(settings)
        first = total * _FIRST_PART
        wait_until(lambda: committed.count() >= first, "the worker applies the backlog", DEADLINE_S, *pair.children)
        found = asyncio.run(_while_applied(committed, pair, load))
        if committed.count() >= total:
            message = f"--backlog {load.backlog:,}: all of it was applied before --seconds {load.seconds} were over: take more"
            raise typer.BadParameter(message)
        return found | pair.memory


class _Pair(NamedTuple):
    """A worker and a server that is ready."""

    worker: ChildProcess
    server: ChildProcess
    port: int

    @property
    def children(self) -> tuple[ChildProcess, ChildProcess]:
        """Both processes."""
        return self.worker, self.server

    @property
    def memory(self) -> dict[str, Any]:
        """What the server had at most."""
        return {"server_mib": round(peak_mib(self.server.pid))}

    def session(self) -> aiohttp.ClientSession:
        """Return what requests are sent through."""
        return aiohttp.ClientSession(f"http://127.0.0.1:{self.port}", connector=aiohttp.TCPConnector(limit=100))


@contextmanager
def _pair(settings: Settings, cores: _Cores, placement: Placement) -> Iterator[_Pair]:
    """Run both; weighted, all but the server give way."""
    servers, port = [child.pid for child in psutil.Process().children(recursive=True)], free_port()
    with _server(settings, port, cores.server) as server:
        wait_until(partial(_is_ready, port), "the server is ready", DEADLINE_S, server, pause_s=0.2)
        with worker(settings, cores=cores.worker) as applying:
            for pid in (*servers, applying.pid) if placement is Placement.WEIGHTED else ():
                give_way(pid)
            yield _Pair(applying, server, port)


def _server(settings: Settings, port: int, cores: list[int]) -> AbstractContextManager[ChildProcess]:
    variables = {"HIGHLIGHTS_SERVING__PORT": str(port), "HIGHLIGHTS_SERVING__METRICS_PORT": "0"}
    return command(settings, "server", "serve", cores=cores, **variables)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:  # it does not listen yet, or says that it is not ready
        return False


def _committed(settings: Settings) -> CommittedOffsets:
    return CommittedOffsets(settings.kafka, settings.group, ensure_topics(settings.kafka, settings.group))


async def _while_sent(settings: Settings, pair: _Pair, load: _Load, go: Callable[[], None]) -> dict[str, Any]:
    """Let the sender go when the whole way works, load the server, and return the figures."""
    plays = Plays(settings.kafka)
    async with pair.session() as session:
        plays.play()
        watching = asyncio.create_task(plays.watch(session))
        await asyncio.wait_for(plays.all_seen(), DEADLINE_S)
        go()
        await _request(session, load.requests_per_s, _WARM_UP_S)
        playing = asyncio.create_task(plays.go_on(load.seconds))
        found = await _loaded(session, _committed(settings), load)
        await playing
        await asyncio.wait_for(plays.all_seen(), DEADLINE_S)
        watching.cancel()
    return found | {"changes": len(plays.ages_s), **_figures("change_age_s", plays.ages_s)}


async def _while_applied(committed: CommittedOffsets, pair: _Pair, load: _Load) -> dict[str, Any]:
    """Load the server, and return the figures."""
    async with pair.session() as session:
        await _request(session, load.requests_per_s, _WARM_UP_S)
        return await _loaded(session, committed, load)


async def _loaded(session: aiohttp.ClientSession, committed: CommittedOffsets, load: _Load) -> dict[str, Any]:
    """Return the figures of what counts: how many interactions were applied meanwhile, and how long answers took."""
    before, began = committed.count(), time.monotonic()
    latencies = np.array(await _request(session, load.requests_per_s, load.seconds)) * 1_000
    applied = (committed.count() - before) / (time.monotonic() - began)
    return {"interactions_per_s_applied": round(applied), "requests": len(latencies), **_figures("answer_ms", latencies)}


def _figures(name: str, values: Any) -> dict[str, float]:
    shown = {"p50": np.percentile(values, 50), "p99": np.percentile(values, 99), "largest": values.max()}
    return {f"{name}_{which}": round(float(value), 2) for which, value in shown.items()}


def _prepared(kafka: KafkaSettings, rate: int, videos: int, seconds: int) -> Callable[[], float]:
    """Prepare what is sent at a rate; return what sends it, and tells the rate that it reached."""
    requests, topic = requests_of(kafka, rate, seconds, videos), topic_name(kafka, INTERACTIONS)

    def send() -> float:
        took_s = asyncio.run(send_at_rate(kafka, topic, requests, rate, lambda _: None))
        return sum(request.messages for request in requests) / took_s

    return send


async def _request(session: aiohttp.ClientSession, rate: int, seconds: int) -> list[float]:
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
