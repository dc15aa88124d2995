"""Processes of benchmarks: none is left behind, none is waited for in vain."""

import os
from pathlib import Path

import psutil
import pytest

from benchmarks.children import running, wait_until
from benchmarks.cores import CORES

_DIES = "import sys; sys.exit('out of luck')"
_LIVES = "import time; print('still here', flush=True); time.sleep(60)"


def test_a_process_that_ends_is_an_error_that_says_what_it_said(tmp_path: Path) -> None:
    """Nobody waits for the dead."""
    with (
        running("the worker", ["-c", _DIES], tmp_path / "log", os.environ, CORES) as child,
        pytest.raises(RuntimeError, match=r"the worker has ended while this was waited for: luck(.|\n)*out of luck"),
    ):
        wait_until(lambda: False, "luck", 60.0, child)


def test_waiting_has_an_end(tmp_path: Path) -> None:
    """A process that lives, and does nothing, is waited for so long and no longer; then it is gone."""
    with running("the worker", ["-c", _LIVES], tmp_path / "log", os.environ, CORES) as child:
        wait_until(lambda: bool(child.last_log_lines()), "its first word", 60.0, child)
        with pytest.raises(TimeoutError, match=r"not come within 0 s: luck(.|\n)*still here"):
            wait_until(lambda: False, "luck", 0.1, child)
        process = psutil.Process(child.pid)
    assert not process.is_running()


def test_a_process_runs_on_its_cores(tmp_path: Path) -> None:
    """It has those, and this process keeps its own."""
    with running("the worker", ["-c", _LIVES], tmp_path / "log", os.environ, CORES[-1:]) as child:
        wait_until(lambda: bool(child.last_log_lines()), "its first word", 60.0, child)
        if hasattr(os, "sched_getaffinity"):
            assert os.sched_getaffinity(child.pid) == set(CORES[-1:])
            assert os.sched_getaffinity(0) == set(CORES)
