"""This machine: Python, settings, disk."""

import platform
import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

from streams.doctor.finding import Finding, bad, doubtful, good
from streams.settings import Settings, is_loopback

_OLDEST_PYTHON: Final = (3, 11)
_LEAST_FREE_BYTES, _SCARCE_BYTES = 1 << 30, 5 << 30
_PREFIX: Final = "HIGHLIGHTS_"


def check_machine(settings: Settings, variables: Iterable[str]) -> Iterator[Finding]:
    """Yield what there is to say of the machine that this runs on and of the settings."""
    yield _python()
    yield _disk(settings)
    yield from _settings(settings, variables)


def _python() -> Finding:
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < _OLDEST_PYTHON:
        return bad("machine", "python", found, "rm -rf .venv; make PYTHON=python3.11 demo")
    return good("machine", "python", found)


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir.resolve()
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    found = f"{free / (1 << 30):,.1f} GiB free for {folder}"
    if free < _LEAST_FREE_BYTES:
        return bad("machine", "disk", found, "free some, or set HIGHLIGHTS_DATA_DIR to a folder on another disk")
    if free < _SCARCE_BYTES:
        return doubtful("machine", "disk", found, "free some before the embedded servers fill it")
    return good("machine", "disk", found)


def _settings(settings: Settings, variables: Iterable[str]) -> Iterator[Finding]:
    named = sorted(name for name in variables if name.startswith(_PREFIX))
    unknown = [name for name in named if name.removeprefix(_PREFIX).partition("__")[0].lower() not in Settings.model_fields]
    for name in unknown:
        yield bad("settings", name, "no setting has this name: it is not read", f"unset {name}; streams/settings.py lists all")
    yield from _exposure(settings)
    yield good("settings", "variables", f"{len(named) - len(unknown)} of {len(named)} HIGHLIGHTS_* variables are known")


def _exposure(settings: Settings) -> Iterator[Finding]:
    """Yield what others could read or guess, where the servers are on other machines."""
    hosts = [server.strip().rpartition(":")[0] for server in (settings.kafka.bootstrap_servers or "").split(",")]
    remote = [host for host in hosts if host and not is_loopback(host)]
    if remote and settings.hash_secret == Settings.model_fields["hash_secret"].default:
        mend = "export HIGHLIGHTS_HASH_SECRET=$(openssl rand -hex 32), keep it, then `highlights worker --rebuild`"
        yield doubtful("settings", "hash secret", "the built-in one, which everybody knows", mend)
    if remote and not settings.kafka.security_protocol.endswith("SSL"):
        found = f"{settings.kafka.security_protocol} to {remote[0]}: whoever is on the way reads along"
        yield doubtful("settings", "kafka encryption", found, "export HIGHLIGHTS_KAFKA__SECURITY_PROTOCOL=SASL_SSL, or SSL")
    address = urlsplit(settings.clickhouse.url or "")
    if address.scheme == "http" and not is_loopback(address.hostname or ""):
        found = f"http to {address.hostname}: whoever is on the way reads the password"
        yield doubtful("settings", "clickhouse encryption", found, "export HIGHLIGHTS_CLICKHOUSE__URL=https://...:8443")
