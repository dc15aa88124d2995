"""How long `highlights serve` takes for the best 100 of a large library, on one core, while scores are written.

Requests are sent by the clock, whether or not those before have been answered; a latency counts from when its request was due.
The server has a core to itself where the machine has two; ClickHouse, the writer and this script share the others.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated

import aiohttp
import numpy as np
import typer
from clickhouse_connect.driver.client import Client

from infra.embedded.stack import EmbeddedStack
from streams import clickhouse
from streams.cli.environment import as_environment, cache_dir, with_endpoints
from streams.settings import Settings

_CORES = sorted(os.sched_getaffinity(0))
_CLIPS_PER_VIDEO = 500
_PORT = 8677
_FEEDS = ("", "&category=c3", "&per_video=2", "&minimum_evidence=50", "&tag=goal")
_SCORES = f"""
INSERT INTO clip_scores (video_id, clip_index, score, worth, score_low, score_high, behaviour_score, exposures, event_at,
                         source_offset, supervised_offset, version)
WITH (number * 2654435761 + {{round:UInt64}} * 40503) % 1000000 / 100000 AS value
SELECT concat('v', toString(intDiv(number, {_CLIPS_PER_VIDEO}))), number % {_CLIPS_PER_VIDEO}, value, value, value - 1, value + 1,
       value, number % 100, now64(3), {{round:UInt64}}, 0, {{round:UInt64}}
FROM numbers({{first:UInt64}}, {{count:UInt64}})
"""
_OUTPUTS = f"""
INSERT INTO supervised_outputs (video_id, clip_index, score_mean, score_sd, tags, category, model_version, source_offset)
SELECT concat('v', toString(intDiv(number, {_CLIPS_PER_VIDEO}))), number % {_CLIPS_PER_VIDEO}, 5, 1,
       map('goal', number % 7 / 7, 'talk', 0.3), concat('c', toString(intDiv(number, {_CLIPS_PER_VIDEO}) % 10)), 'm', 0
FROM numbers({{count:UInt64}})
"""


def main(
    clips: Annotated[int, typer.Option(min=1_000)] = 500_000,
    requests_per_second: Annotated[int, typer.Option(min=1)] = 200,
    seconds: Annotated[int, typer.Option(min=1)] = 60,
    rows_per_second: Annotated[int, typer.Option(min=0, help="Rows written meanwhile, as a worker's flushes do.")] = 10_000,
) -> None:
    """Measure once; print JSON. Latencies in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="highlights-load-") as folder:
        stack = EmbeddedStack(Path(folder), cache_dir=cache_dir(), kafka_port=0, clickhouse_port=0)
        with stack:
            settings = with_endpoints(Settings(data_dir=Path(folder)), stack.endpoints)
            client = clickhouse.connect(settings.clickhouse, create_database=True)
            clickhouse.migrate(client)
            client.command(_OUTPUTS, {"count": clips})
            client.command(_SCORES, {"round": 1, "first": 0, "count": clips})
            result = _measure(settings, client, clips, requests_per_second, seconds, rows_per_second)
    print(json.dumps(result, indent=2))


def _measure(settings: Settings, client: Client, clips: int, rate: int, seconds: int, rows: int) -> dict[str, float]:
    env = os.environ | as_environment(settings) | {"HIGHLIGHTS_SERVING__PORT": str(_PORT)}
    server = subprocess.Popen([sys.executable, "-m", "streams.cli", "serve"], env=env)
    os.sched_setaffinity(server.pid, _CORES[-1:])
    done = threading.Event()
    writer = threading.Thread(target=_write, args=(client, clips, rows, done))
    try:
        asyncio.run(_ready())
        if rows:
            writer.start()
        latencies = np.array(asyncio.run(_load(rate, seconds))) * 1_000
    finally:
        done.set()
        if writer.ident:
            writer.join()
        server.terminate()
        server.wait(30)
    low, high = np.percentile(latencies, (50, 99))
    return {
        "clips": clips,
        "requests_per_second": rate,
        "rows_per_second": rows,
        "requests": len(latencies),
        "p50_ms": round(float(low), 1),
        "p99_ms": round(float(high), 1),
        "largest_ms": round(float(latencies.max()), 1),
    }


def _write(client: Client, clips: int, rows: int, done: threading.Event) -> None:
    """Publish a block of clips anew each second."""
    turn = 2
    while not done.wait(1.0):
        first = (turn * rows) % max(1, clips - rows)
        client.command(_SCORES, {"round": turn, "first": first, "count": rows})
        turn += 1


async def _ready() -> None:
    end = time.monotonic() + 120
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < end:
            try:
                async with session.get(f"http://127.0.0.1:{_PORT}/health/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)
    raise TimeoutError("the server is not ready after 120 s")


async def _load(rate: int, seconds: int) -> list[float]:
    start = time.monotonic()

    async def one(number: int) -> float:
        due = start + number / rate
        await asyncio.sleep(due - time.monotonic())
        address = f"http://127.0.0.1:{_PORT}/v1/highlights?limit=100{_FEEDS[number % len(_FEEDS)]}"
        async with session.get(address) as answer:
            answer.raise_for_status()
            await answer.read()
        return time.monotonic() - due

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100)) as session:
        return await asyncio.gather(*(one(number) for number in range(rate * seconds)))


if __name__ == "__main__":
    typer.run(main)
