"""Workers as forks of a process that has everything loaded."""

import multiprocessing
import os
import signal
from itertools import count
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from threading import Lock
from unittest.mock import patch

import psutil

from streams.settings import Settings
from tests.chaos.sabotage import Sabotage

_CALM = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""What keeps the fork server at one thread: with more, a fork may inherit a lock that nobody will ever release."""


class ForkedWorker:
    """One worker process."""

    def __init__(self, process: multiprocessing.process.BaseProcess, sabotage: Sabotage | None, log: Path) -> None:
        """Hold a started process."""
        self._process = process
        self.sabotage = sabotage
        self._log = log

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid or 0

    @property
    def status(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._process.exitcode

    @property
    def struck(self) -> bool:
        """Whether its sabotage was carried out."""
        return self._log.with_suffix(".struck").exists()

    @property
    def said(self) -> str:
        """Its log."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self.status is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.join()

    def ended_within(self, seconds: float) -> bool:
        """Wait for its end; return whether it came."""
        self._process.join(seconds)
        return self.status is not None


class WorkerForge:
    """Starts workers."""

    def __init__(self, folder: Path) -> None:
        """Start the fork server. Logs go to `folder`."""
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.chaos.worker"])
        with patch.dict(os.environ, _CALM):
            ensure_running()
        self._folder = folder
        self._numbers = count()
        self._lock = Lock()

    def start(self, settings: Settings, sabotage: Sabotage | None = None) -> ForkedWorker:
        """Start a worker."""
        from tests.chaos.worker import run

        with self._lock:
            log = self._folder / f"{settings.clickhouse.database}-{next(self._numbers)}.log"
            process = self._context.Process(target=run, args=(settings, sabotage, log), daemon=True)
            process.start()
        return ForkedWorker(process, sabotage, log)

    def threads(self) -> int:
        """Return the number of threads of the fork server."""
        from multiprocessing.forkserver import _forkserver

        return psutil.Process(_forkserver._forkserver_pid).num_threads()
