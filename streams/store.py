"""The store behind the Faust table of statistics: columns of partition states instead of a dictionary.

Because of the table, Faust creates the changelog topic and assigns partitions of all topics with the same key together. What
is in the changelog is read by `streams.recovery` and written by the flush: Faust reads a record at a time, and does not verify
that what it writes has arrived.
"""

from collections.abc import Iterable
from typing import Any

from faust.stores.base import Store
from faust.types import TP, EventT

from scoring.statistics.pages import CLIPS_PER_PAGE
from streams.state import PartitionState


class ColumnStore(Store):
    """`columns://state`: the states of our partitions, by partition."""

    def __post_init__(self) -> None:
        """Start without partitions."""
        self.states: dict[int, PartitionState] = {}

    @property
    def clips(self) -> int:
        """Clips that state has room for."""
        return sum(int(state.statistics.pages.size[0]) for state in self.states.values()) * CLIPS_PER_PAGE

    def persisted_offset(self, tp: TP) -> int | None:  # noqa: ARG002 Faust's signature
        """Return None: nothing is kept here."""
        return None

    def apply_changelog_batch(self, batch: Iterable[EventT], to_key: Any, to_value: Any) -> None:
        """Do nothing: the transport shows Faust no changelog records."""

    def reset_state(self) -> None:
        """Do nothing: there are no local files."""

    async def backup_partition(self, tp: Any, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """Do nothing: there are no local files."""

    def restore_backup(self, tp: Any, latest: bool = True, backup_id: int = 0) -> None:
        """Do nothing: there are no local files."""
