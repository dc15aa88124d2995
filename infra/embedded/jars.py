"""The jars of Apache Kafka: fetched once from Maven Central by jgo, checked against the list in this package, kept in a cache."""

import hashlib
import shutil
import tempfile
from importlib import resources
from pathlib import Path

from infra.embedded.process import EmbeddedServerError

KAFKA_VERSION = "4.3.0"
_ENDPOINT = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:2.0.17"
_CHECKSUMS = "kafka-jars.sha256"


def kafka_jars(cache_dir: Path) -> list[Path]:
    """Return Kafka's jars, fetching them when the cache does not hold them all, whole.

    Raises:
        EmbeddedServerError: they cannot be fetched, or are not what they should be.
    """
    wanted = checksums()
    folder = cache_dir / f"kafka-{KAFKA_VERSION}"
    if _wrong(folder, wanted):
        _fetch(folder, wanted)
    return [folder / name for name in wanted]


def checksums() -> dict[str, str]:
    """Return the SHA-256 of each jar by file name."""
    lines = resources.files(__package__).joinpath(_CHECKSUMS).read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def _wrong(folder: Path, wanted: dict[str, str]) -> list[str]:
    """Return the names of jars that are missing or differ."""
    return [name for name, digest in wanted.items() if _digest(folder / name) != digest]


def _digest(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(folder: Path, wanted: dict[str, str]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        fetched = _resolve(Path(work))
        staged = Path(work) / "jars"
        staged.mkdir()
        for jar in fetched:
            if jar.name in wanted:
                shutil.copyfile(jar, staged / jar.name)
        if wrong := _wrong(staged, wanted):
            message = (
                f"Kafka {KAFKA_VERSION} from the Maven registry is not what it should be; missing or different: {', '.join(wrong)}. "
                "Nothing of it is used. Try again, or set HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS to a Kafka of your own"
            )
            raise EmbeddedServerError(message)
        shutil.rmtree(folder, ignore_errors=True)
        staged.rename(folder)


def _resolve(work: Path) -> list[Path]:
    try:
        import jgo

        return [Path(jar) for jar in jgo.build(_ENDPOINT, cache_dir=work).all_jars]
    except Exception as error:
        message = (
            f"Kafka {KAFKA_VERSION} could not be fetched from the Maven registry ({type(error).__name__}: {error}). Check the network "
            "and its proxy, install the extra with `pip install highlights[embedded]`, "
            "or set HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS to a Kafka of your own"
        )
        raise EmbeddedServerError(message) from error
