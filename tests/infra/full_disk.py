"""A disk that is full for ClickHouse and for nobody else: a reserve of half of what is free, and a file that reaches into it."""

import os
import shutil
from pathlib import Path

_RESERVE, _FILLED = 0.5, 0.6


def reserve_bytes(folder: Path) -> int:
    """Return the reserve to start a ClickHouse with."""
    return int(shutil.disk_usage(folder).free * _RESERVE)


def fill_disk(file: Path) -> None:
    """Make a file that reaches into the reserve: no byte of it is written."""
    with file.open("wb") as filling:
        os.posix_fallocate(filling.fileno(), 0, int(shutil.disk_usage(file.parent).free * _FILLED))
