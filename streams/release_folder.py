"""Releases on disk: a folder each, with a manifest that says what it was made of and the checksum of every file.

    <folder>/current            name of the release that holds
    <folder>/held               names of those that have held, that one last
    <folder>/.unfinished        name of the one that is being let hold
    <folder>/<release>/manifest.json, and files

A release is written into a hidden folder and renamed when it is whole, so that there never is half of one.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from schemas.errors import ConfigurationError, StateError

MODEL: Final = "model.safetensors"
_MANIFEST: Final = "manifest.json"
_UNFINISHED: Final = ".unfinished"


class ReleaseManifest(BaseModel):
    """What every release says of itself."""

    model_config = ConfigDict(extra="forbid")

    release: str
    created_at: str
    """UTC, ISO 8601."""
    code_version: str
    seed: int
    config: dict[str, Any]
    seconds: float
    metrics: dict[str, Any]
    files: dict[str, str]
    """SHA-256 of each file."""


_M = TypeVar("_M", bound=ReleaseManifest)


class ReleaseFolder(Generic[_M]):
    """A folder of releases of one kind."""

    def __init__(self, folder: Path, kind: type[_M]) -> None:
        """Name the folder; it is made when there is something to put into it."""
        self.folder = folder
        self._kind = kind

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only one who makes or promotes a release here. The system lets go of it when the process ends, however it does.

        Raises:
            ConfigurationError: somebody else is at it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            try:
                flock(file, LOCK_EX | LOCK_NB)
            except OSError as error:
                message = f"another `highlights` command makes or promotes a release in {self.folder}: wait until it has ended"
                raise ConfigurationError(message) from error
            yield

    @property
    def current(self) -> str | None:
        """Name of the release that holds, None where there is none."""
        path = self.folder / "current"
        return path.read_text().strip() if path.exists() else None

    def set_current(self, release: str) -> None:
        """Note which release holds."""
        self._note("held", *(held for held in self._held() if held != release), release)
        self._note("current", release)

    @property
    def before(self) -> str | None:
        """Name of the release that held before the current one; None where none did, or it is not known."""
        others = [held for held in self._held() if held != self.current]
        return others[-1] if others else None

    def forget_held(self, release: str) -> None:
        """Forget that a release has held which does no more, so that going back once more goes further back."""
        self._note("held", *(held for held in self._held() if held != release))

    def _held(self) -> list[str]:
        path = self.folder / "held"
        return path.read_text().split() if path.exists() else []

    def _note(self, name: str, *releases: str) -> None:
        path = self.folder / f".{name}"
        path.write_text("".join(f"{release}\n" for release in releases))
        path.replace(self.folder / name)

    @property
    def unfinished(self) -> str | None:
        """Name of the release that a process began to let hold, and did not end; None where there is none."""
        path = self.folder / _UNFINISHED
        return path.read_text().strip() if path.exists() else None

    @contextmanager
    def holding(self, release: str) -> Iterator[None]:
        """Note which release holds, when what lets it hold has been done; until then, that it is being done.

        A process that dies in between has perhaps told a part of the workers: the note says that the rest is to be done.
        """
        (self.folder / _UNFINISHED).write_text(release + "\n")
        yield
        self.set_current(release)
        (self.folder / _UNFINISHED).unlink()

    def manifests(self) -> list[_M]:
        """Return all manifests, the oldest first."""
        paths = self.folder.glob(f"[!.]*/{_MANIFEST}")
        return sorted((self._manifest(path) for path in paths), key=lambda manifest: manifest.created_at)

    def manifest(self, release: str) -> _M:
        """Return a release's manifest.

        Raises:
            ConfigurationError: there is no such release.
        """
        path = self.folder / release / _MANIFEST
        if not path.is_file():
            known = ", ".join(found.release for found in self.manifests()) or "none"
            message = f"no release {release!r} in {self.folder}; there are: {known}"
            raise ConfigurationError(message)
        return self._manifest(path)

    def _manifest(self, path: Path) -> _M:
        try:
            return self._kind.model_validate_json(path.read_bytes())
        except ValueError as error:
            message = f"{path} is no manifest: {str(error).splitlines()[0]}. Delete the folder, or put it back from a copy"
            raise StateError(message) from error

    def write_files(self, manifest: _M, files: Mapping[str, Callable[[Path], None]]) -> _M:
        """Write a release, each file by its function; return its manifest with the files' checksums."""
        hidden = self.folder / f".{manifest.release}"
        for left in (hidden, *self.folder.glob(f".{manifest.release.split('-')[0]}-*/")):  # by processes that have died
            shutil.rmtree(left, ignore_errors=True)
        hidden.mkdir(parents=True)
        for name, write in files.items():
            write(hidden / name)
        whole = manifest.model_copy(update={"files": {name: _checksum(hidden / name) for name in files}})
        (hidden / _MANIFEST).write_text(json.dumps(whole.model_dump(), indent=1) + "\n")
        _sync(hidden)
        hidden.rename(self.folder / manifest.release)
        return whole

    def tensors(self, release: str) -> dict[str, NDArray[Any]]:
        """Return a release's model.

        Raises:
            StateError: the file is not what the manifest says.
        """
        from safetensors.numpy import load_file

        return dict(load_file(self.checked(release, MODEL)))

    def checked(self, release: str, name: str) -> Path:
        """Return where a file of a release is.

        Raises:
            StateError: the file is not what the manifest says.
        """
        path, wanted = self.folder / release / name, self.manifest(release).files.get(name)
        found = _checksum(path) if path.is_file() else "no file"
        if found != wanted:
            message = (
                f"{path} is damaged: SHA-256 {found}, its manifest says {wanted}. "
                "Put it back from a copy, or let another release hold"
            )
            raise StateError(message)
        return path


def save_tensors(tensors: Mapping[str, NDArray[Any]]) -> Callable[[Path], None]:
    """Return what writes arrays into a file."""
    from safetensors.numpy import save_file

    return lambda path: save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, path)


def _checksum(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _sync(folder: Path) -> None:
    for path in [*folder.iterdir(), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
