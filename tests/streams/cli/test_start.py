"""A command starts fast."""

import subprocess
import sys
from pathlib import Path

_HEAVY = (
    "aiokafka",
    "clickhouse_connect",
    "confluent_kafka",
    "fastapi",
    "faust",
    "numba",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "sklearn",
    "torch",
)
_SHOWS = f"import streams.cli.main, sys; print(sorted(sys.modules.keys() & {set(_HEAVY)}))"


def test_the_command_line_imports_nothing_heavy() -> None:
    """A person waits for each import at each command, `--help` too: a command imports what it works with when it runs."""
    command, root = [sys.executable, "-c", _SHOWS], Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
