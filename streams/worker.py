"""A worker, from its start to its stop."""

import asyncio
import signal

import structlog
from prometheus_client import start_http_server

from schemas.hashing import hash_text
from streams import clickhouse, logs
from streams.app import HighlightsApp, create_app, state_key
from streams.kafka import VerifiedProducer, ensure_topics
from streams.settings import Settings

log = structlog.get_logger()


def run_worker(settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT.

    Raises:
        HighlightsError: settings, Kafka or ClickHouse do not let it work, or state is not to be trusted.
    """
    logs.configure(settings.log_format)
    partitions = ensure_topics(settings.kafka, settings.worker.group)
    client = clickhouse.connect(settings.clickhouse, create_database=True)
    clickhouse.migrate(client)
    hash_text("", state_key(settings).hash_key)
    if settings.worker.metrics_port:
        start_http_server(settings.worker.metrics_port, settings.worker.metrics_host)
    log.info("worker starts", group=settings.worker.group, partitions=partitions, kafka=settings.kafka.bootstrap_servers)
    asyncio.run(_serve(settings, partitions, client))


async def _serve(settings: Settings, partitions: int, client: clickhouse.Client) -> None:
    app = create_app(settings, partitions, client, VerifiedProducer(settings.kafka))
    app.finalize()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await app.start()
    await _first_of(stop.wait(), app.wait_until_stopped())
    log.info("worker stops")
    await app.stop()
    _raise_crash(app)
    log.info("worker stopped")


async def _first_of(*waits: object) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]  # type: ignore[call-overload]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _raise_crash(app: HighlightsApp) -> None:
    reason = app.crash_reason
    if reason is not None:
        raise reason
