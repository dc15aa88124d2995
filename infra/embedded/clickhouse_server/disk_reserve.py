"""Keeps room on the disk: what the engine cannot write, it loses without an error.

chDB 26.9 goes on where a write fails (no room left, or a file size limit): it acknowledges the insert, and the part is
empty when it is read next; a merge loses rows in the same way. So inserts are refused and merges held while little room
is left: the rest is for what runs already.
"""

import os
from pathlib import Path

from infra.embedded.clickhouse_server.engine import Engine
from infra.embedded.clickhouse_server.errors import ClickHouseError

_MEBIBYTE = 1 << 20
_NOT_ENOUGH_SPACE = (243, "NOT_ENOUGH_SPACE")


class DiskReserve:
    """Bytes on the disk of a folder that inserts and merges leave free."""

    def __init__(self, folder: Path, reserve_bytes: int) -> None:
        """Set the bound."""
        self._folder = folder
        self._bytes = reserve_bytes
        self._merges = True

    def check(self) -> None:
        """Look before an insert.

        Raises:
            ClickHouseError: NOT_ENOUGH_SPACE.
        """
        if self._is_touched():
            text = (
                f"Less than {self._bytes // _MEBIBYTE} MiB are free on the disk of {self._folder}: "
                "make room, and inserts and merges go on by themselves"
            )
            raise ClickHouseError(*_NOT_ENOUGH_SPACE, text)

    def watch(self, engine: Engine) -> None:
        """Hold the engine's merges while there is too little room, and let them go on after; to be called again and again."""
        wanted = not self._is_touched()
        if wanted != self._merges:
            engine.let_merge(wanted)
            self._merges = wanted

    def _is_touched(self) -> bool:
        disk = os.statvfs(self._folder)
        return disk.f_bavail * disk.f_frsize < self._bytes
