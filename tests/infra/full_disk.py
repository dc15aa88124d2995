"""A disk that is full for ClickHouse and for nobody else: a reserve of half of what is free, and a file that reaches into it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_RESERVE, _FILLED = 0.5, 0.6


def reserve_bytes(folder: Path) -> int:
    """Return the reserve to start a ClickHouse with."""
    return int(shutil.disk_usage(folder).free * _RESERVE)


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Have a file in a folder that reaches into the reserve, without a byte of it written; it is gone in the end."""
    file = folder / "filling"
    try:
        with file.open("wb") as filling:
            os.posix_fallocate(filling.fileno(), 0, int(shutil.disk_usage(folder).free * _FILLED))
        yield
    finally:
        file.unlink(missing_ok=True)
