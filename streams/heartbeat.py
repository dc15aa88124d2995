"""Whether a process's event loop still runs: it leaves a mark each second, and another thread looks how old the mark is."""

import asyncio
import time
from typing import Final

_INTERVAL_S: Final = 1.0
_LONGEST_S: Final = 60.0
"""Far more than the longest work that the loop does in one piece, reading many clips' state among it."""


class Heartbeat:
    """The marks of one event loop."""

    def __init__(self) -> None:
        """Begin without a mark."""
        self._at: float | None = None

    async def run(self) -> None:
        """Leave marks until cancelled."""
        while True:
            self._at = time.monotonic()
            await asyncio.sleep(_INTERVAL_S)

    def is_live(self) -> bool:
        """Return whether the newest mark is young enough; before the first one a process starts, which may take its time."""
        return self._at is None or time.monotonic() - self._at < _LONGEST_S
