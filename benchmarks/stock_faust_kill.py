"""What a stock Faust table counts when its worker is killed, again and again, in the middle of its work.

The application is the first one of Faust's documentation: a table that counts. With Faust's defaults (at least once), and
with its own exactly-once mode. The table should end at the number of messages; what it ends at is in its changelog.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from rich.console import Console
from rich.table import Table

from benchmarks.children import running, wait_until
from benchmarks.cores import CORES
from benchmarks.results import JsonOption
from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.process import ChildProcess
from streams.cli.environment import cache_dir
from streams.reading import read
from streams.settings import KafkaSettings

_TOPIC: Final = "events"
_KEY: Final = "k"
_QUIET_S: Final = 20.0
_DEADLINE_S: Final = 300.0
_GUARANTEES: Final = ("at_least_once", "exactly_once")

_Start = Callable[[], AbstractContextManager[ChildProcess]]


def application(servers: str, guarantee: str, folder: str) -> None:
    """Run the application."""
    import faust

    app = faust.App(
        guarantee,
        broker=f"kafka://{servers}",
        topic_partitions=1,
        topic_replication_factor=1,
        web_enabled=False,
        datadir=tempfile.mkdtemp(dir=folder),
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
    as_json: JsonOption = False,
) -> None:
    """Measure, and print a table."""
    with (
        tempfile.TemporaryDirectory(prefix="highlights-bench-") as folder,
        EmbeddedKafka(Path(folder, "kafka"), cache_dir=cache_dir()) as kafka,
    ):
        _send(kafka.bootstrap_servers, events)
        results = {}
        for guarantee in _GUARANTEES:
            start = partial(_running, kafka.bootstrap_servers, guarantee, folder)
            results[guarantee] = _counted(start, partial(_count, kafka.bootstrap_servers, guarantee), events, kills)
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


def _counted(start: _Start, count: Callable[[], int], events: int, kills: int) -> int:
    """Return what the table holds in the end."""
    for kill in range(kills):
        goal = events * (kill + 1) // (kills + 1)
        with start() as worker:
            wait_until(lambda goal=goal: count() >= goal, f"{goal:,} messages are counted", _DEADLINE_S, worker, pause_s=0.2)
            worker.kill()
    with start() as worker:
        return _when_quiet(worker, count, events)


def _when_quiet(worker: ChildProcess, count: Callable[[], int], events: int) -> int:
    """Return the count that has stood still for long, for longer if it is too low; the worker is killed then."""
    counted, since = -1, time.monotonic()

    def is_quiet() -> bool:
        nonlocal counted, since
        now = count()
        if now != counted:
            counted, since = now, time.monotonic()
        return time.monotonic() - since > (_QUIET_S if counted >= events else 3 * _QUIET_S)

    wait_until(is_quiet, "the count stands still", _DEADLINE_S, worker, pause_s=0.5)
    worker.kill()
    return counted


def _running(servers: str, guarantee: str, folder: str) -> AbstractContextManager[ChildProcess]:
    arguments = ("-m", "benchmarks.stock_faust_kill", "application", servers, guarantee, folder)
    return running(guarantee, arguments, Path(folder, f"{guarantee}.log"), os.environ, CORES)


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


if __name__ == "__main__":
    if sys.argv[1:2] == ["application"]:
        application(*sys.argv[2:])
    else:
        typer.run(main)
