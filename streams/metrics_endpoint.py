"""The Prometheus endpoint of a process."""

from prometheus_client import start_http_server

from schemas.errors import ConfigurationError
from streams.metrics import REGISTRIES, Process


def serve_metrics(process: Process, host: str, port: int, group: str) -> None:
    """Serve a process's metrics from a thread of their own; port 0 is none.

    Args:
        process: whose.
        host: address to listen on.
        port: where.
        group: of the settings, for the error's text.

    Raises:
        ConfigurationError: the port cannot be had.
    """
    if not port:
        return
    try:
        start_http_server(port, host, REGISTRIES[process])
    except OSError as error:
        message = (
            f"metrics cannot be served on {host}:{port} ({error.strerror}): "
            f"set HIGHLIGHTS_{group}__METRICS_PORT to a free port, or to 0 for none"
        )
        raise ConfigurationError(message) from error
