"""The life of a child process."""

import os
import signal
import sys
import threading
from pathlib import Path

import psutil
import pytest

from infra.embedded.process import ChildProcess, EmbeddedServerError
from tests.infra.waiting import wait_for

SLEEP = [sys.executable, "-c", "import time; time.sleep(300)"]


def test_a_child_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    """The kernel's tie to the parent is one to a thread: that of the caller may end, the child goes on."""
    child = ChildProcess("sleeper", SLEEP, tmp_path / "log")
    starter = threading.Thread(target=child.start)
    starter.start()
    starter.join()
    try:
        with pytest.raises(psutil.TimeoutExpired):
            psutil.Process(child.pid).wait(0.5)
    finally:
        child.kill()


def test_a_child_has_its_own_session(tmp_path: Path) -> None:
    """Ctrl-C in the terminal goes to the foreground group of its session, in which the child is not."""
    child = ChildProcess("sleeper", SLEEP, tmp_path / "log")
    child.start()
    try:
        assert os.getsid(child.pid) == child.pid
    finally:
        child.kill()


def test_stop_kills_what_ignores_sigterm(tmp_path: Path) -> None:
    """A child that ignores SIGTERM is killed when its grace is over."""
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(300)"
    child = ChildProcess("deaf", [sys.executable, "-c", script], tmp_path / "log")
    child.start()
    child.wait_until_ready(lambda: child.last_log_lines() == ["deaf"], 20)
    pid = child.pid
    child.stop(grace_s=0.2)
    assert not child.alive
    assert not psutil.pid_exists(pid)


def test_an_early_end_is_reported_with_the_log(tmp_path: Path) -> None:
    """A child that ends before it is ready: the error holds its last words and the log's path."""
    log = tmp_path / "log"
    child = ChildProcess("brief", [sys.executable, "-c", "raise SystemExit('no such luck')"], log)
    child.start()
    with pytest.raises(EmbeddedServerError, match="brief ended while it started") as failure:
        child.wait_until_ready(lambda: False, 20)
    assert "no such luck" in str(failure.value)
    assert str(log) in str(failure.value)


def test_a_late_child_is_killed(tmp_path: Path) -> None:
    """A child that is not ready in time does not stay."""
    child = ChildProcess("sleeper", SLEEP, tmp_path / "log")
    child.start()
    with pytest.raises(EmbeddedServerError, match="sleeper was not ready"):
        child.wait_until_ready(lambda: False, 0.1)
    assert not child.alive


def test_log_lines_are_those_of_the_last_start(tmp_path: Path) -> None:
    """The log keeps every run, and an error quotes the last run alone."""
    log = tmp_path / "log"
    child = ChildProcess("speaker", [sys.executable, "-c", "print('word')"], log)
    for _ in range(2):
        child.start()
        assert wait_for(lambda: not child.alive)
    assert child.last_log_lines() == ["word"]
    assert log.read_text() == "word\nword\n"


def test_a_missing_program_is_an_error_of_ours(tmp_path: Path) -> None:
    """A program that is not there is named."""
    child = ChildProcess("nothing", [str(tmp_path / "absent")], tmp_path / "log")
    with pytest.raises(EmbeddedServerError, match=r"nothing could not be started by .*absent"):
        child.start()


PARENT = """
import sys, time
from pathlib import Path
from infra.embedded.process import ChildProcess
child = ChildProcess("sleeper", [sys.executable, "-c", "import time; time.sleep(300)"], Path(sys.argv[1]))
child.start()
print(child.pid, flush=True)
time.sleep(300)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the tie to the parent is Linux's PR_SET_PDEATHSIG")
def test_a_child_ends_with_its_killed_parent(tmp_path: Path) -> None:
    """SIGKILL of the parent is the end of the child."""
    output = tmp_path / "output"
    parent = ChildProcess("parent", [sys.executable, "-c", PARENT, str(tmp_path / "log")], output)
    parent.start()
    parent.wait_until_ready(lambda: len(parent.last_log_lines()) == 1, 20)
    child = psutil.Process(int(parent.last_log_lines()[0]))
    os.kill(parent.pid, signal.SIGKILL)
    assert wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
