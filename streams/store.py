"""The store behind the Faust table of statistics: columns of partition states instead of a dictionary.

Faust creates the changelog topic, assigns its partitions together with the source's, and reads them back at recovery; this
store turns what it reads into partition states. The flush writes the records itself, since Faust does not verify that they
have arrived.
"""

from collections.abc import Callable, Iterable
from typing import Any

import structlog
from faust.stores.base import Store
from faust.types import TP, EventT

from scoring.statistics.pages import CLIPS_PER_PAGE
from streams.state import PartitionState

log = structlog.get_logger()


class ColumnStore(Store):  # type: ignore[misc]
    """`columns://state`. The states by partition are in `states`; `new_state` makes an empty one."""

    def __post_init__(self) -> None:
        """Start without partitions."""
        self.states: dict[int, PartitionState] = {}
        self._recovering: dict[int, PartitionState] = {}
        self.new_state: Callable[[int], PartitionState]

    def persisted_offset(self, tp: TP) -> int | None:  # noqa: ARG002
        """Return None: all state comes from the changelog."""
        return None

    def apply_changelog_batch(self, batch: Iterable[EventT], to_key: Any, to_value: Any) -> None:  # noqa: ARG002
        """Take records that recovery has read; a partition that has been ours all along knows them already."""
        for event in batch:
            partition = event.message.partition
            if partition not in self.states:
                self._state_in_recovery(partition).recover(event.message.key, event.message.value)

    def _state_in_recovery(self, partition: int) -> PartitionState:
        if partition not in self._recovering:
            self._recovering[partition] = self.new_state(partition)
        return self._recovering[partition]

    def complete(self, partitions: set[int]) -> None:
        """Own exactly these partitions, all of them recovered."""
        for partition in partitions - set(self.states):
            state = self._state_in_recovery(partition)
            state.finish_recovery()
            self.states[partition] = state
        for partition in set(self.states) - partitions:
            del self.states[partition]
        self._recovering.clear()
        log.info("partitions ready", partitions=sorted(partitions), clips=self.clips)

    @property
    def clips(self) -> int:
        """Clips that state has room for."""
        return sum(int(state.statistics.pages.size[0]) for state in self.states.values()) * CLIPS_PER_PAGE

    def reset_state(self) -> None:
        """Do nothing: there are no local files."""

    async def backup_partition(self, tp: Any, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """Do nothing: there are no local files."""

    def restore_backup(self, tp: Any, latest: bool = True, backup_id: int = 0) -> None:
        """Do nothing: there are no local files."""
