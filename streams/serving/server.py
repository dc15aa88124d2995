"""The server of page and feed."""

from contextlib import suppress

import uvicorn
from clickhouse_connect.driver.client import Client

from streams.serving.api import create_api
from streams.settings import ServingSettings


def run_server(client: Client, settings: ServingSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    with suppress(KeyboardInterrupt):  # raised again when all connections are closed
        uvicorn.run(
            create_api(client, settings),
            host=settings.host,
            port=settings.port,
            limit_concurrency=settings.max_connections,
            timeout_graceful_shutdown=2,
            access_log=False,
            server_header=False,
        )
