"""The tests are alone, whatever the shell that starts them has set."""

import os
import subprocess
import sys
from pathlib import Path

_SHOWS = "import tests.conftest, os; print([name for name in os.environ if name.startswith('HIGHLIGHTS_')])"


def test_no_test_knows_a_real_system() -> None:
    """Variables of a worker that somebody has exported are gone before any test begins."""
    exported = os.environ | {"HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS": "kafka-1:9092", "HIGHLIGHTS_DATA_DIR": "/srv/highlights"}
    command, root = [sys.executable, "-c", _SHOWS], Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, env=exported, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
