"""The server of page and feed."""

import logging
import sys
from contextlib import suppress
from typing import Any, Final

import uvicorn
from clickhouse_connect.driver.client import Client

from streams import logs, tracing
from streams.metrics import Process
from streams.metrics_endpoint import serve_metrics
from streams.serving.api import create_api
from streams.serving.ledgers import Ledgers
from streams.settings import ServingSettings, Settings

_SWITCH_INTERVAL_S: Final = 0.0005
"""How long the reader of scores may keep a request from going on: Python's 5 ms, at each of its system calls, add up."""


def run_server(client: Client, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: the metrics' port cannot be had, or the file of keys is wrong.
    """
    serving = settings.serving
    logs.configure(settings.log_format, logging.getLevelNamesMapping()[settings.log_level])
    tracing.configure(settings.tracing, "highlights-feed")
    serve_metrics(Process.FEED, serving.metrics_host, serving.metrics_port, "SERVING")
    ledgers = Ledgers(settings) if settings.kafka.bootstrap_servers else None
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    with suppress(KeyboardInterrupt):  # raised again when all connections are closed
        uvicorn.run(create_api(client, serving, ledgers), **options(serving))


def options(serving: ServingSettings) -> dict[str, Any]:
    """Return how uvicorn is to serve."""
    return {
        "host": serving.host,
        "port": serving.port,
        "proxy_headers": bool(serving.trusted_proxies),
        "forwarded_allow_ips": serving.trusted_proxies,
        "timeout_graceful_shutdown": 2,
        "access_log": False,
        "server_header": False,
    }
