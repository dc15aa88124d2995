"""A worker, from its start to its stop."""

import asyncio
import logging
import signal
from collections.abc import Coroutine
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.client import Client

from schemas.errors import DeliveryError
from streams import clickhouse, garbage_collection, logs, tracing
from streams.app import HighlightsApp, create_app
from streams.heartbeat import Heartbeat
from streams.kafka import ensure_topics
from streams.metrics import Process
from streams.metrics_endpoint import serve_metrics
from streams.settings import Settings
from streams.state_key import StateKey
from streams.warm_up import warm_up

log = structlog.get_logger()

_LEFTOVERS_TIMEOUT_S: Final = 5.0


def run_worker(settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT.

    Raises:
        HighlightsError: settings, Kafka or ClickHouse do not let it work, or state is not to be trusted.
    """
    logs.configure(settings.log_format, logging.getLevelNamesMapping()[settings.log_level])
    tracing.configure(settings.tracing, "highlights-worker")
    partitions = ensure_topics(settings.kafka, settings.group)
    client = clickhouse.connect(settings.clickhouse, create_database=True)
    clickhouse.migrate(client)
    warm_up(StateKey.of(settings))
    heartbeat = Heartbeat()
    serve_metrics(Process.WORKER, settings.worker.metrics_host, settings.worker.metrics_port, "WORKER", is_live=heartbeat.is_live)
    garbage_collection.calm()
    log.info("worker starts", group=settings.group, partitions=partitions, kafka=settings.kafka.bootstrap_servers)
    try:
        _run(_serve(settings, partitions, client, heartbeat))
    except KafkaError as error:
        message = f"Kafka at {settings.kafka.bootstrap_servers} does not answer as it should: {error}"
        raise DeliveryError(message) from error


def _run(serve: Coroutine[Any, Any, None]) -> None:
    """Run to the end, unlike `asyncio.run` without waiting for good: tasks of Faust that swallow their cancellation never end."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(serve)
    finally:
        loop.run_until_complete(_cancel_what_is_left())


async def _cancel_what_is_left() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_LEFTOVERS_TIMEOUT_S)


async def _serve(settings: Settings, partitions: int, client: Client, heartbeat: Heartbeat) -> None:
    app = create_app(settings, partitions, client)
    app.finalize()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    beating = asyncio.ensure_future(heartbeat.run())
    await app.start()
    await _first_of(stop.wait(), app.wait_until_stopped())
    log.info("worker stops")
    await app.stop()
    beating.cancel()
    _raise_crash(app)
    log.info("worker stopped")


async def _first_of(*waits: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _raise_crash(app: HighlightsApp) -> None:
    reason = app.crash_reason
    if reason is not None:
        raise reason
