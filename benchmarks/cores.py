"""Which cores there are, and what runs on which. Only Linux lets a process choose; elsewhere everything runs on all of them."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

_GIVES_WAY: Final = 10
"""On Linux's scale of niceness: about a ninth of the usual weight."""
_PAUSE_S: Final = 0.2
"""The kernel lets a user change the weight of a session ten times a second."""


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


def give_way(pid: int) -> None:
    """Let a process have little of a core that another wants, as a container with a small share of CPU beside one with a large.

    Each of its threads, and its session: where the kernel shares cores among sessions first, niceness counts within one alone.
    """
    if sys.platform != "linux":
        return
    with suppress(FileNotFoundError):  # a kernel without such sessions
        Path(f"/proc/{pid}/autogroup").write_text(str(_GIVES_WAY))
        time.sleep(_PAUSE_S)
    for thread in psutil.Process(pid).threads():
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.setpriority(os.PRIO_PROCESS, thread.id, _GIVES_WAY)
