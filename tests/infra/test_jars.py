"""The cache of Kafka's jars."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.embedded import jars
from infra.embedded.jars import KAFKA_VERSION, checksums, kafka_jars, wrong_jars
from infra.embedded.process import EmbeddedServerError

FOLDER = f"kafka-{KAFKA_VERSION}"
VICTIM = f"kafka-clients-{KAFKA_VERSION}.jar"


@pytest.fixture
def whole_cache(jar_cache: Path, tmp_path: Path) -> Path:
    """Return a copy of the whole cache, to be damaged."""
    shutil.copytree(jar_cache / FOLDER, tmp_path / "cache" / FOLDER)
    return tmp_path / "cache"


@pytest.fixture
def unreachable_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send every request to a proxy that is not there."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def cut_off(jar: Path) -> None:
    os.truncate(jar, jar.stat().st_size // 2)


def test_every_jar_is_pinned() -> None:
    """The list holds Kafka, its logging binding, and a SHA-256 for each."""
    wanted = checksums()
    assert {f"kafka_2.13-{KAFKA_VERSION}.jar", VICTIM, "slf4j-simple-2.0.17.jar"} <= set(wanted)
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in wanted.values())


@pytest.mark.usefixtures("unreachable_registry")
def test_a_whole_cache_starts_neither_jgo_nor_the_network(whole_cache: Path) -> None:
    """With a whole cache jgo is not even imported."""
    script = (
        "import sys; from pathlib import Path; from infra.embedded.jars import kafka_jars; "
        "print(len(kafka_jars(Path(sys.argv[1])))); print('jgo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, whole_cache], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(checksums())), "False"]


def test_a_cut_off_jar_is_seen_and_replaced(whole_cache: Path) -> None:
    """A jar of half its length is noticed, and the next call makes the cache whole (from the real registry)."""
    cut_off(whole_cache / FOLDER / VICTIM)
    assert wrong_jars(whole_cache / FOLDER, checksums()) == [VICTIM]
    kafka_jars(whole_cache)
    assert wrong_jars(whole_cache / FOLDER, checksums()) == []


@pytest.mark.usefixtures("unreachable_registry")
def test_an_unreachable_registry_is_said_with_the_way_out(tmp_path: Path) -> None:
    """The error names the registry and the setting for a Kafka of one's own; nothing half done stays."""
    with pytest.raises(EmbeddedServerError, match="could not be fetched from the Maven registry") as failure:
        kafka_jars(tmp_path)
    assert "HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS" in str(failure.value)
    assert [path.name for path in tmp_path.iterdir()] == [f"{FOLDER}.lock"]


def test_a_cut_off_download_does_not_enter_the_cache(whole_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that sends half a jar: the error names the jar, and the cache stays empty."""
    cut_off(whole_cache / FOLDER / VICTIM)
    monkeypatch.setattr(jars, "_download", lambda _: list((whole_cache / FOLDER).iterdir()))
    with pytest.raises(EmbeddedServerError, match=re.escape(VICTIM)):
        kafka_jars(tmp_path / "empty")
    assert [path.name for path in (tmp_path / "empty").iterdir()] == [f"{FOLDER}.lock"]


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where jgo is not installed, the error says which extra has it."""
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    with pytest.raises(EmbeddedServerError, match=r"highlights\[embedded\]"):
        kafka_jars(tmp_path)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file is where the cache should be: the error names it and the variable that moves it."""
    (tmp_path / "cache").touch()
    with pytest.raises(EmbeddedServerError, match=r"cannot be kept in .*/cache .*XDG_CACHE_HOME"):
        kafka_jars(tmp_path / "cache")
