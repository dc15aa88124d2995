"""Keeps outages of the servers away from what needs them to judge: audits go on together, an outage alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Gate:
    """A lock that many lanes share while they judge, and that an outage has to itself."""

    def __init__(self) -> None:
        """Open."""
        self._changed = Condition()
        self._judging = 0
        self._outages = 0

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Wait for the end of an outage; hold the next one off."""
        with self._changed:
            self._changed.wait_for(lambda: not self._outages)
            self._judging += 1
        try:
            yield
        finally:
            with self._changed:
                self._judging -= 1
                self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        """Whether there is an outage."""
        return self._outages > 0

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Wait until nobody judges; let nobody begin to."""
        with self._changed:
            self._outages += 1
            self._changed.wait_for(lambda: not self._judging)
        try:
            yield
        finally:
            with self._changed:
                self._outages -= 1
                self._changed.notify_all()
