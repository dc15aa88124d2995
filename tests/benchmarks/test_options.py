"""Names that benchmarks do not know are refused before anything is started."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from benchmarks.side_by_side import SYSTEMS, checked_names

_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("module", "option", "known"),
    [("side_by_side", "--systems", "faust"), ("growth", "--what", "duplicates"), ("extraction_speed", "--without", "visual")],
)
def test_a_name_that_is_not_known_is_refused_with_those_that_are(module: str, option: str, known: str) -> None:
    """The command ends at once, with a usage error."""
    command = [sys.executable, "-m", f"benchmarks.{module}", option, "typo"]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 2
    assert "typo" in done.stderr
    assert known in done.stderr


def test_a_peer_whose_packages_are_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error says what makes them; systems that need none are taken."""
    monkeypatch.chdir(tmp_path)
    assert checked_names("faust,highlights") == ["faust", "highlights"]
    with pytest.raises(typer.BadParameter, match=r"quix.*make"):
        checked_names(",".join(SYSTEMS))
