"""A person's terminals: `highlights` with a data folder of its own, and what it started is gone in the end."""

import os
import subprocess
import sys
from pathlib import Path

from infra.embedded.ports import free_port
from tests.integration.running import eventually


class Terminal:
    """Runs `highlights` with a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        """Set the folder."""
        self.folder = folder
        own = {"DATA_DIR": str(folder / "data"), "WORKER__METRICS_PORT": "0", "SERVING__PORT": str(free_port())}
        self.env = os.environ | {f"HIGHLIGHTS_{name}": value for name, value in own.items()}
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command that stays."""
        with (self.folder / f"{arguments[0]}.log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", "streams.cli", *arguments], env=self.env, stdout=log, stderr=log)
        self._started.append(process)
        return process

    def start_up(self) -> subprocess.Popen[bytes]:
        """Start `highlights up`, and wait until it is ready."""
        process = self.start("up", "--kafka-port", "0", "--clickhouse-port", "0")
        eventually(lambda: "other terminals" in self.said("up") or process.poll() is not None, lambda: self.said("up"))
        assert process.poll() is None, self.said("up")
        return process

    def run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        command = [sys.executable, "-m", "streams.cli", *arguments]
        return subprocess.run(command, env=self.env, input=text, capture_output=True, text=True, timeout=300, check=False)

    def run_well(self, *arguments: str) -> None:
        """Run a command that is to end well: `explain` as soon as the worker has scored the clip, any other at once."""
        if arguments[0] == "explain":
            eventually(lambda: self.run(*arguments).returncode == 0, lambda: f"{arguments}; {self.said('worker')}")
        else:
            done = self.run(*arguments)
            assert done.returncode == 0, (arguments, done.stdout, done.stderr)

    def said(self, name: str) -> str:
        """Return what a command that stays has said."""
        return (self.folder / f"{name}.log").read_text()

    def close(self) -> None:
        """Kill what is still there, the last started first."""
        for process in reversed(self._started):
            process.kill()
            process.wait()
