"""The benchmark of stages at its smallest size."""

import json
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def test_each_stage_of_the_way_has_its_figure(tmp_path: Path) -> None:
    """All stages are there, each with its time; those that touch memory alone have a floor."""
    command = [sys.executable, "-m", "benchmarks.stages", "--events", "20000", "--videos", "5", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    stages = json.loads((tmp_path / "stages.json").read_text())["stages"]
    assert [stage["name"].split(":")[0] for stage in stages] == ["fetch", "decode", "apply", "rows", "ClickHouse", "changelog"]
    assert all(stage["cpu_s_per_million"] > 0 for stage in stages)
    assert all(stage["floor"] > 0 for stage in stages[:3])
