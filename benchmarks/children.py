"""Processes that a benchmark starts, waits for, and leaves none of behind: each logs into a file, whose end an error shows."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, Protocol

from benchmarks.cores import CORES, on_cores
from infra.embedded.process import ChildProcess
from streams.cli.environment import environment_of
from streams.settings import Settings

_GRACE_S: Final = 30.0


class Child(Protocol):
    """What can be waited for."""

    name: str

    @property
    def alive(self) -> bool:
        """Whether it runs."""

    def last_log_lines(self) -> list[str]:
        """Return what it said last."""


@contextmanager
def running(name: str, arguments: Sequence[str], log: Path, env: Mapping[str, str], cores: list[int]) -> Iterator[ChildProcess]:
    """Run this Python with arguments on some cores; in the end it is asked to stop, and killed when it does not."""
    child = ChildProcess(name, [sys.executable, *arguments], log, env)
    with on_cores(cores):
        child.start()
    try:
        yield child
    finally:
        child.stop(_GRACE_S)


def command(
    settings: Settings, name: str, *arguments: str, cores: list[int] = CORES, **variables: str
) -> AbstractContextManager[ChildProcess]:
    """Run a command of `highlights`, with the settings and some more variables; its log is named after it."""
    log = settings.data_dir / f"{name}.log"
    return running(name, ["-m", "streams.cli", *arguments], log, environment_of(settings) | variables, cores)


def worker(
    settings: Settings, name: str = "worker", *, cores: list[int] = CORES, metrics_port: int = 0
) -> AbstractContextManager[ChildProcess]:
    """Run a worker."""
    return command(settings, name, "worker", cores=cores, HIGHLIGHTS_WORKER__METRICS_PORT=str(metrics_port))


def wait_until(holds: Callable[[], bool], what: str, deadline_s: float, *children: Child, pause_s: float = 0.02) -> None:
    """Wait until something holds, as long as the processes that it takes run.

    Raises:
        RuntimeError: one of them has ended.
        TimeoutError: the time has.
    """
    end = time.monotonic() + deadline_s
    while not holds():
        for child in children:
            if not child.alive:
                message = f"{child.name} has ended while this was waited for: {what}. It said last:\n{_last_words(child)}"
                raise RuntimeError(message)
        if time.monotonic() > end:
            said = "".join(f"\n{child.name} said last:\n{_last_words(child)}" for child in children)
            message = f"this did not come within {deadline_s:.0f} s: {what}.{said}"
            raise TimeoutError(message)
        time.sleep(pause_s)


def _last_words(child: Child) -> str:
    return "\n".join(f"  {line}" for line in child.last_log_lines())
