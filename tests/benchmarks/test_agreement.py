"""The agreement benchmark, at its smallest size, as a person runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[2]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.agreement", *arguments]
    wide = os.environ | {"COLUMNS": "500"}
    return subprocess.run(command, cwd=_ROOT, env=wide, capture_output=True, text=True, timeout=300, check=False)


def _json(*arguments: str) -> Any:
    done = _run(*arguments, "--seeds", "1", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def tvsum(data_dir: Path) -> Any:
    """Return what one seed on TVSum gives."""
    return _json("tvsum", "--data", str(data_dir))


@pytest.fixture(scope="module")
def simulated() -> Any:
    """Return what one seed on a small simulated library gives."""
    return _json("simulated", "--events", "40000", "--videos", "60")


def test_tvsum_has_a_row_for_each_model_and_audience(tvsum: Any) -> None:
    """Two kinds of supervised output, three numbers of viewers, with and without others around them."""
    assert tvsum["videos"] == 50
    rows = {(row["supervised"], row["viewers"], row["extra_viewers"]) for row in tvsum["rows"]}
    assert rows == {(name, viewers, extra) for name in ("audio", "one annotator") for viewers in (3, 5, 10) for extra in (0, 20)}


def test_the_fused_score_agrees_more_than_one_signal_on_tvsum(tvsum: Any) -> None:
    """With 100 sessions and more a clip, people who did not watch agree with the fused score more than with each part."""
    watched = [row for row in tvsum["rows"] if row["exposures"] > 100]
    assert watched
    for row in watched:
        assert row["fused_minus"]["supervised"]["over_seeds"]["difference"]["mean"] > 0
        assert row["fused_minus"]["behaviour"]["over_seeds"]["difference"]["mean"] > 0


def test_random_scores_agree_with_nobody(tvsum: Any) -> None:
    """Kendall's tau of random scores is about 0 on 50 videos."""
    assert [row for row in tvsum["rows"] if abs(row["tau"]["random"]["mean"]) >= 0.1] == []


def test_the_fused_score_orders_a_simulated_library_better_than_models(simulated: Any) -> None:
    """Over all clips that models know, the fused score correlates more with true appeal than the models' does."""
    (row,) = [row for row in simulated if row["supervised"] and row["exposures"] == "all"]
    for place in ("within_videos", "over_library"):
        assert row[place]["fused"]["mean"] > row[place]["supervised"]["mean"]


def test_clips_without_exposure_are_told_by_models_alone(simulated: Any) -> None:
    """Where nobody has watched, behaviour orders nothing."""
    (row,) = [row for row in simulated if row["supervised"] and row["exposures"] == "0"]
    assert row["over_library"]["behaviour"]["mean"] == 0
    assert row["over_library"]["fused"]["mean"] > 0.5


def test_people_get_a_table() -> None:
    """Without --json the figures are a table."""
    done = _run("simulated", "--seeds", "1", "--events", "2000", "--videos", "5")
    assert done.returncode == 0, done.stderr
    assert "coverage" in done.stdout


def test_a_folder_without_tvsum_is_an_error_that_says_so(tmp_path: Path) -> None:
    """The error names the option and the file that is missing."""
    done = _run("tvsum", "--data", str(tmp_path))
    assert done.returncode == 2
    assert "--data" in done.stderr
    assert "ydata-tvsum50.mat" in done.stderr
