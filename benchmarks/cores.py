"""Which cores there are, and what runs on which. Only Linux lets a process choose; elsewhere everything runs on all of them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final


def _mine() -> list[int]:
    """Return the cores that this thread may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


CORES: Final = _mine()
OTHERS: Final = CORES[:-1] or CORES
"""Of Kafka, ClickHouse and the scripts, while what is measured has the last core to itself."""


def take_cores(cores: list[int]) -> None:
    """Run this thread, and what it starts from now on, on these cores alone."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


@contextmanager
def on_cores(cores: list[int]) -> Iterator[None]:
    """Run what is within, and what it starts, on these cores alone."""
    before = _mine()
    take_cores(cores)
    try:
        yield
    finally:
        take_cores(before)
