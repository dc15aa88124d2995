"""A server as a child process: started, waited for, stopped, and gone when its parent is gone."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_LONGEST_TAIL_BYTES: Final = 65_536
# Looked up here and not between fork and exec, where another thread of the parent may have held the loader's lock.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class EmbeddedServerError(RuntimeError):
    """An embedded server could not be started or went away. The text says why and where its log is."""


class ChildProcess:
    """One server process.

    It has a session of its own: the terminal's Ctrl-C reaches its parent alone, which decides the order of the shutdown.
    On Linux the kernel kills it when its parent ends, even by SIGKILL (PR_SET_PDEATHSIG): unlike a pipe that the child
    watches, this asks nothing of the program that runs. Elsewhere a killed parent leaves it behind.
    """

    def __init__(self, name: str, command: Sequence[str], log_path: Path, env: Mapping[str, str] | None = None) -> None:
        """Describe the process.

        Args:
            name: for messages.
            command: program and arguments.
            log_path: its standard output and error are appended here.
            env: its whole environment; the parent's when None.
        """
        self.name = name
        self.command = list(command)
        self.log_path = log_path
        self._env = None if env is None else dict(env)
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self) -> None:
        """Start it.

        Raises:
            EmbeddedServerError: it is running already, or the program cannot be run.
        """
        if self.alive:
            message = f"{self.name} is running already (process {self.pid}): stop() it first"
            raise EmbeddedServerError(message)
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        started: Future[subprocess.Popen[bytes]] = Future()
        Thread(target=self._fork_and_stay, args=(started,), name=f"parent of {self.name}", daemon=True).start()
        try:
            self._process = started.result()
        except (OSError, subprocess.SubprocessError) as error:
            message = (
                f"{self.name} could not be started by {self.command[0]}: {error}. Check that this program is there and may be run"
            )
            raise EmbeddedServerError(message) from error

    def _fork_and_stay(self, started: "Future[subprocess.Popen[bytes]]") -> None:
        """Start the child, and last as long as it does: to the kernel the parent is the thread that forked, not its process."""
        try:
            process = self._fork()
        except BaseException as error:
            started.set_exception(error)
            return
        started.set_result(process)
        if _prctl is None:
            return
        try:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            return  # whoever stopped it has collected it already

    def _fork(self) -> subprocess.Popen[bytes]:
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            return subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
                preexec_fn=_prctl and partial(_die_with_parent, _prctl, os.getpid()),
            )

    def wait_until_ready(self, probe: Callable[[], bool], deadline_s: float) -> None:
        """Wait until `probe` returns True, while the process lives: another may answer in its place.

        Raises:
            EmbeddedServerError: the process ended, or the time did; it is killed then.
        """
        end = time.monotonic() + deadline_s
        while not (probe() and self.alive):
            if not self.alive:
                raise EmbeddedServerError(self._failure("ended while it started"))
            if time.monotonic() > end:
                self.kill()
                raise EmbeddedServerError(self._failure(f"was not ready after {deadline_s:.0f} s"))
            time.sleep(0.05)

    def _failure(self, what: str) -> str:
        lines = "\n  ".join(self.last_log_lines())
        way_out = "Mend what they name, or set HIGHLIGHTS_DATA_DIR to an empty folder"
        return f"{self.name} {what}. Last lines of {self.log_path}:\n  {lines}\n{way_out}"

    def stop(self, grace_s: float = 10.0) -> None:
        """Ask it to end; kill it when it has not after `grace_s` seconds."""
        if self._process is None or not self.alive:
            return
        self._process.terminate()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process number.

        Raises:
            EmbeddedServerError: it was never started.
        """
        if self._process is None:
            message = f"{self.name} was not started: call start() first"
            raise EmbeddedServerError(message)
        return self._process.pid

    def last_log_lines(self, count: int = 20) -> list[str]:
        """Return the last lines that it has logged since its last start."""
        if not self.log_path.exists():
            return []
        with self.log_path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, size - _LONGEST_TAIL_BYTES))
            return log.read().decode(errors="replace").splitlines()[-count:]


def _die_with_parent(prctl: Callable[[int, int], int], parent: int) -> None:
    """Have the kernel kill this process when its parent ends. Runs between fork and exec."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the call
        os._exit(1)
