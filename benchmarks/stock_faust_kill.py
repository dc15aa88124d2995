"""What a stock Faust table counts when its worker is killed, again and again, in the middle of its work.

The application is the first one of Faust's documentation: a table that counts. With Faust's defaults (at least once), and
with its own exactly-once mode. The table should end at the number of messages; what it ends at is in its changelog.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from rich.console import Console
from rich.table import Table

from infra.embedded.kafka import EmbeddedKafka
from streams.cli.environment import cache_dir
from streams.reading import read
from streams.settings import KafkaSettings

_TOPIC: Final = "events"
_KEY: Final = "k"
_QUIET_S: Final = 20.0
_GUARANTEES: Final = ("at_least_once", "exactly_once")


def worker(servers: str, guarantee: str) -> None:
    """Run the application."""
    import faust

    app = faust.App(
        guarantee,
        broker=f"kafka://{servers}",
        topic_partitions=1,
        topic_replication_factor=1,
        web_enabled=False,
        datadir=tempfile.mkdtemp(),
        processing_guarantee=guarantee,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.0,
    )
    counts = app.Table("counts", default=int)

    @app.agent(app.topic(_TOPIC, key_type=str, value_type=bytes))
    async def count(stream: faust.StreamT) -> None:
        async for _ in stream:
            counts[_KEY] += 1

    app.Worker(loglevel="ERROR").execute_from_commandline()


def main(
    events: Annotated[int, typer.Option(min=1_000, help="Messages.")] = 100_000,
    kills: Annotated[int, typer.Option(min=0, help="How often the worker is killed with SIGKILL and started again.")] = 3,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure, and print a table."""
    with (
        tempfile.TemporaryDirectory(prefix="highlights-bench-") as folder,
        EmbeddedKafka(Path(folder), cache_dir=cache_dir()) as kafka,
    ):
        _send(kafka.bootstrap_servers, events)
        results = {guarantee: _counted(kafka.bootstrap_servers, guarantee, events, kills) for guarantee in _GUARANTEES}
    if as_json:
        print(json.dumps({"messages": events, "kills": kills, "counted": results}, indent=2))
        return
    table = Table("Faust", "messages", "counted", "difference", title=f"a stock Faust table, its worker killed {kills} times")
    for guarantee, counted in results.items():
        table.add_row(guarantee, f"{events:,}", f"{counted:,}", f"{counted - events:+,}")
    Console().print(table)


def _send(servers: str, events: int) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(_TOPIC, 1, 1)])[_TOPIC].result(30)
    producer = Producer({"bootstrap.servers": servers, "queue.buffering.max.messages": 10_000_000})
    for _ in range(events):
        producer.produce(_TOPIC, b"{}", _KEY)
    producer.flush(60)


def _counted(servers: str, guarantee: str, events: int, kills: int) -> int:
    """Return what the table holds in the end."""
    for kill in range(kills):
        worker = _start(servers, guarantee)
        _until(lambda goal=events * (kill + 1) // (kills + 1): _count(servers, guarantee) >= goal)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    worker = _start(servers, guarantee)
    counted, since = -1, time.monotonic()
    while counted < events or time.monotonic() - since < _QUIET_S:
        now = _count(servers, guarantee)
        if now != counted:
            counted, since = now, time.monotonic()
        if time.monotonic() - since > 3 * _QUIET_S:
            break
        time.sleep(0.5)
    worker.kill()
    worker.wait()
    return counted


def _start(servers: str, guarantee: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.stock_faust_kill", "worker", servers, guarantee]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)


def _count(servers: str, group: str) -> int:
    """Return the newest count in the table's changelog."""
    topic = f"{group}-counts-changelog"
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "count", "log_level": 0})
    try:
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
    except KafkaException:  # a first worker has not made it yet
        return 0
    finally:
        consumer.close()
    settings = KafkaSettings(bootstrap_servers=servers)
    values = [message.value() for messages in read(settings, topic, 0, max(0, end - 100)) for message in messages]
    return int(values[-1]) if values else 0


def _until(holds: Callable[[], bool], deadline_s: float = 300.0) -> None:
    end = time.monotonic() + deadline_s
    while not holds():
        if time.monotonic() > end:
            message = f"nothing came within {deadline_s:.0f} s"
            raise TimeoutError(message)
        time.sleep(0.2)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "worker":
        worker(*sys.argv[2:])
    else:
        typer.run(main)
