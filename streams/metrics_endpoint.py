"""The Prometheus endpoint of a process, and beside it whether the process lives."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import start_http_server

from schemas.errors import ConfigurationError
from streams.metrics import REGISTRIES, Process

LIVE_PATH: Final = "/health/live"


def serve_metrics(process: Process, host: str, port: int, group: str, is_live: Callable[[], bool] = lambda: True) -> None:
    """Serve a process's metrics from a thread of their own, and 200 or 503 at `/health/live`; port 0 is none.

    Args:
        process: whose.
        host: address to listen on.
        port: where.
        group: of the settings, for the error's text.
        is_live: asked from that thread whether what the process is for still runs.

    Raises:
        ConfigurationError: the port cannot be had.
    """
    if not port:
        return
    try:
        server, _ = start_http_server(port, host, REGISTRIES[process])
    except OSError as error:
        message = (
            f"metrics cannot be served on {host}:{port} ({error.strerror}): "
            f"set HIGHLIGHTS_{group}__METRICS_PORT to a free port, or to 0 for none"
        )
        raise ConfigurationError(message) from error
    server.set_app(_with_liveness(server.get_app(), is_live))


def _with_liveness(metrics: Any, is_live: Callable[[], bool]) -> WSGIApplication:
    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != LIVE_PATH:
            found: Iterable[bytes] = metrics(environ, start_response)
            return found
        status = HTTPStatus.OK if is_live() else HTTPStatus.SERVICE_UNAVAILABLE
        start_response(f"{status.value} {status.phrase}", [("Content-Type", "text/plain")])
        return [b"live\n" if status is HTTPStatus.OK else b"the event loop stands still\n"]

    return answer
