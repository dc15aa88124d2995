"""Ports of the loopback interface: free ones, and given ones that must be free."""

import socket
import time
from typing import Final

from infra.embedded.process import EmbeddedServerError

_HOST: Final = "127.0.0.1"
# How long a server whose parent has just been killed may take to let its port go.
_DEADLINE_S: Final = 3.0


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind((_HOST, 0))
        return int(listener.getsockname()[1])


def wait_until_free(port: int, option: str) -> None:
    """Come back when nobody listens on a port.

    Args:
        port: to be free.
        option: of `highlights up`, by which another can be set.

    Raises:
        EmbeddedServerError: somebody does not let it go.
    """
    end = time.monotonic() + _DEADLINE_S
    while not _is_free(port):
        if time.monotonic() > end:
            message = f"port {port} is taken: is `highlights up` running already? Another can be set with {option}"
            raise EmbeddedServerError(message)
        time.sleep(0.05)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True
