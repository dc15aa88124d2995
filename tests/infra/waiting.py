"""Waiting for what happens in another process."""

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], bool], deadline_s: float = 60.0) -> bool:
    """Return whether a condition comes true within the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
