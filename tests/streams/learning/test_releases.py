"""Releases on disk."""

import multiprocessing
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("safetensors", reason="the extra `training` is not installed")

from schemas.errors import ConfigurationError, StateError
from streams.learning.ranker_topic import SCORE_COLUMNS
from streams.learning.releases import Releases
from tests.streams.learning.manifests import manifest

_TENSORS = {"weights": np.arange(6, dtype=np.float32).reshape(2, 3).T, "sizes": np.array([3, 2])}
_SCORES = pa.table([["a", "a", "b"], [0, 7, 1], [5.0, 4.5, 1.0], [1.0, 1.0, 2.0]], schema=SCORE_COLUMNS)


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    """A folder with two releases, the later one written first."""
    found = Releases(tmp_path / "releases")
    found.write(manifest("r2", "2026-01-02T00:00:00+00:00", parent="r1"), _TENSORS, _SCORES)
    found.write(manifest("r1"), _TENSORS, _SCORES)
    return found


def test_a_release_comes_back_as_it_was_written(releases: Releases) -> None:
    """Tensors, scores and manifest are what was given, and the manifest has the files' checksums."""
    assert {name: value.tolist() for name, value in releases.tensors("r1").items()} == {
        name: value.tolist() for name, value in _TENSORS.items()
    }
    assert releases.scores("r1") == _SCORES
    assert set(releases.manifest("r1").files) == {"model.safetensors", "scores.parquet"}


def test_releases_are_listed_by_age(releases: Releases) -> None:
    """The oldest comes first, and what is half written is not seen."""
    (releases.folder / ".r3").mkdir()
    assert [manifest.release for manifest in releases.manifests()] == ["r1", "r2"]


def test_the_current_release_is_a_note_that_can_be_replaced(releases: Releases) -> None:
    """There is none at first; then it is the one noted last."""
    assert releases.current is None
    releases.set_current("r1")
    releases.set_current("r2")
    assert Releases(releases.folder).current == "r2"


def test_going_back_goes_the_way_that_was_come(releases: Releases) -> None:
    """An old release that was promoted is gone back from to the one that held then, and further back to what held before."""
    for release in ("r1", "r2", "r3", "r1"):
        releases.set_current(release)
    way = []
    while releases.before:
        left = releases.current
        way.append(releases.before)
        releases.set_current(way[-1])
        releases.forget_held(left)
    assert way == ["r3", "r2"]


def test_what_a_death_cuts_short_is_noted(releases: Releases) -> None:
    """A release that is being let hold is unfinished until it holds; the one before is current meanwhile."""
    releases.set_current("r1")
    with suppress(KeyboardInterrupt), releases.holding("r2"):
        raise KeyboardInterrupt
    assert (releases.unfinished, releases.current) == ("r2", "r1")
    with releases.holding("r2"):
        pass
    assert (releases.unfinished, releases.current) == (None, "r2")


def test_what_was_half_written_is_swept_away(releases: Releases) -> None:
    """The next release of the kind takes away what a process that died left; other hidden folders are not ours."""
    for name in (".r-20260101T000000-7", ".snapshot"):
        (releases.folder / name).mkdir()
    releases.write(manifest("r-20260102T000000-9"), _TENSORS, _SCORES)
    assert {path.name for path in releases.folder.glob(".*")} == {".snapshot"}


@pytest.mark.parametrize("name", ["model.safetensors", "scores.parquet"])
def test_a_damaged_file_is_named_with_the_way_out(releases: Releases, name: str) -> None:
    """A changed byte or a missing file is an error that says which file, and what to do."""
    path = releases.folder / "r1" / name
    read = releases.tensors if name.startswith("model") else releases.scores
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(StateError, match=rf"{name} is damaged.*let another release hold"):
        read("r1")
    path.unlink()
    with pytest.raises(StateError, match="no file"):
        read("r1")


def test_a_broken_manifest_is_named(releases: Releases) -> None:
    """What is no manifest is an error with its path, in the list too."""
    (releases.folder / "r1" / "manifest.json").write_text("{}")
    with pytest.raises(StateError, match=r"r1/manifest.json is no manifest"):
        releases.manifests()


def test_an_unknown_release_is_answered_with_the_known_ones(releases: Releases) -> None:
    """The error lists what there is."""
    with pytest.raises(ConfigurationError, match=r"no release 'r9'.*r1, r2"):
        releases.manifest("r9")


def test_only_one_works_on_a_folder(releases: Releases) -> None:
    """A second one is turned away at once; when the first has ended, however it did, the next may."""
    with releases.lock(), pytest.raises(ConfigurationError, match="wait until it has ended"), Releases(releases.folder).lock():
        pass
    spawned = multiprocessing.get_context("spawn")
    holds, ends = spawned.Event(), spawned.Event()
    other = spawned.Process(target=_hold, args=(releases.folder, holds, ends))
    other.start()
    assert holds.wait(60)
    with pytest.raises(ConfigurationError), releases.lock():
        pass
    other.kill()
    other.join()
    with releases.lock():
        pass


def _hold(folder: Path, holds: "multiprocessing.synchronize.Event", ends: "multiprocessing.synchronize.Event") -> None:
    with Releases(folder).lock():
        holds.set()
        ends.wait()
