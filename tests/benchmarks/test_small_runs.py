"""Benchmarks of the whole system at their smallest size: they run, and tell what they are said to."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cores import CORES

_ROOT = Path(__file__).parents[2]
_SERVING = (
    "serving_load",
    "--clips=1000",
    "--videos=5",
    "--seconds=2",
    "--requests-per-second=20",
    "--interactions-per-second=500",
)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    module, *options = arguments
    command = [sys.executable, "-m", f"benchmarks.{module}", *options]
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=300, check=False)


def _figures(folder: Path, *arguments: str) -> Any:
    done = _run(*arguments, f"--out={folder}")
    assert done.returncode == 0, done.stderr
    return json.loads((folder / f"{arguments[0]}.json").read_text())


def test_load_on_the_feed_has_answers_and_changes(tmp_path: Path) -> None:
    """Every request is answered, every play is seen, and what was sent is applied."""
    told = _figures(tmp_path, *_SERVING, "--placement=weighted")
    assert told["requests"] == 40
    assert told["changes"] == 14
    assert 0 < told["answer_ms_p50"] <= told["answer_ms_p99"] <= told["answer_ms_largest"]
    assert 0 < told["change_age_s_p50"] <= told["change_age_s_largest"]
    assert told["interactions_per_s_applied"] > 0
    assert told["rows_published"] > 0


def test_a_backlog_that_is_over_too_soon_says_so() -> None:
    """What was measured then would be an idle worker; the error names the option to change."""
    done = _run(*_SERVING, "--backlog=2000")
    assert done.returncode == 2
    assert "--backlog 2,000" in done.stderr
    assert "take more" in done.stderr


def test_growth_has_a_row_for_each_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the curve of cores. Many small flushes, for in one alone there would be nothing to measure."""
    monkeypatch.setenv("HIGHLIGHTS_WORKER__MAX_UNFLUSHED_INTERACTIONS", "1000")
    rows = _figures(tmp_path, "growth", "--what=cores", "--events=50000")
    assert [row["value"] for row in rows] == [str(cores) for cores in (1, 2, 4) if cores <= len(CORES)]
    assert all(row["interactions_per_s"] > 0 for row in rows)
