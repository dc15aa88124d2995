"""The jars of Apache Kafka: fetched once from Maven Central by jgo, checked against the list in this package, kept in a cache."""

import fcntl
import hashlib
import shutil
from importlib import resources
from pathlib import Path
from typing import Final

from infra.embedded.process import EmbeddedServerError

KAFKA_VERSION: Final = "4.3.0"
_COORDINATES: Final = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}:::compile", "org.slf4j:slf4j-simple:2.0.17:::compile")
_CHECKSUMS: Final = "kafka-jars.sha256"
_WAY_OUT: Final = "set HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS to a Kafka of your own"


def kafka_jars(cache_dir: Path) -> list[Path]:
    """Return Kafka's jars. When the cache holds them all, whole, nothing else is touched; else they are fetched anew.

    Args:
        cache_dir: folder that outlasts runs; several processes may share it.

    Raises:
        EmbeddedServerError: they cannot be fetched, or are not what they should be.
    """
    wanted = checksums()
    folder = cache_dir / f"kafka-{KAFKA_VERSION}"
    if wrong_jars(folder, wanted):
        try:
            _fetch_once(folder, wanted)
        except OSError as error:
            message = (
                f"Kafka's jars cannot be kept in {cache_dir} ({error}): set XDG_CACHE_HOME to a folder of your own, or {_WAY_OUT}"
            )
            raise EmbeddedServerError(message) from error
    return [folder / name for name in wanted]


def checksums() -> dict[str, str]:
    """Return the SHA-256 of each jar by file name."""
    lines = resources.files(__package__).joinpath(_CHECKSUMS).read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def wrong_jars(folder: Path, wanted: dict[str, str]) -> list[str]:
    """Return the names of jars that a folder lacks, or has with other bytes than `wanted` (SHA-256 by name)."""
    return [name for name, digest in wanted.items() if _digest(folder / name) != digest]


def _digest(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_once(folder: Path, wanted: dict[str, str]) -> None:
    """Fetch the jars, unless another process does so while this one waits for it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if wrong_jars(folder, wanted):
            _fetch(folder, wanted)


def _fetch(folder: Path, wanted: dict[str, str]) -> None:
    """Fetch all jars beside `folder`, and put them there only when every one is right."""
    work = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(work, ignore_errors=True)
    staged = work / "jars"
    staged.mkdir(parents=True)
    try:
        for jar in _download(work / "repository"):
            if jar.name in wanted:
                jar.rename(staged / jar.name)
        if wrong := wrong_jars(staged, wanted):
            message = (
                f"Kafka {KAFKA_VERSION} from the Maven registry is not what it should be, cut off or different: "
                f"{', '.join(wrong)}. Nothing of it is kept. Try again, or {_WAY_OUT}"
            )
            raise EmbeddedServerError(message)
        shutil.rmtree(folder, ignore_errors=True)
        staged.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _download(repository: Path) -> list[Path]:
    """Fetch what the coordinates need into a repository of our own.

    The user's ~/.m2 is left alone: jgo writes into it in place, so that a download that was cut off would stay there.
    """
    try:
        # jgo.maven alone: jgo.build() also sorts the jars into modules, for which it would fetch a whole JDK.
        from jgo.maven import MavenContext
    except ImportError as error:
        message = f"the embedded Kafka needs the extra `embedded`: pip install 'highlights[embedded]', or {_WAY_OUT}"
        raise EmbeddedServerError(message) from error
    try:
        context = MavenContext(repo_cache=repository, local_repos=[])
        inputs, others = context.resolver.resolve([context.create_dependency(text) for text in _COORDINATES])
        needed = [*inputs, *(other for other in others if other.scope in ("compile", "runtime"))]
        return [Path(dependency.artifact.resolve()) for dependency in needed]
    except Exception as error:  # jgo names no errors of its own: requests', RuntimeError and ValueError come through
        message = (
            f"Kafka {KAFKA_VERSION} could not be fetched from the Maven registry ({type(error).__name__}: {error}). "
            f"Check the network and its proxy, or {_WAY_OUT}"
        )
        raise EmbeddedServerError(message) from error
