"""Finding sessions that interact faster than a person can.

Each session has one slot of a small table, which counts its interactions within one minute of event time, the newest that it has
come to: what comes late, of an earlier minute, is not counted. Where two active sessions share a slot, each lowers the count of
the other (Misra and Gries 1982, "Finding repeated elements"), so a slow session cannot be found for a fast one's sake, and a fast
one is found all the same, a little later. It is a watch beside the statistics, not a part of their state: what it finds has its
effect as a recorded exclusion.
"""

from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from schemas.columns import InteractionColumns
from schemas.compiled import compiled
from scoring.statistics.aggregation import EXCLUDED

_SLOTS: Final = 1 << 14
_MINUTE_MS: Final = 60_000


class PaceWatch(NamedTuple):
    """The table: session, minute and count of each slot."""

    sessions: NDArray[np.uint64]
    minutes: NDArray[np.int64]
    counts: NDArray[np.int64]
    limit: int
    """Interactions a minute that a person can do; 0 is no limit."""

    @classmethod
    def of(cls, limit: int) -> Self:
        """Return a watch that has seen nothing."""
        return cls(np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.int64), np.zeros(_SLOTS, np.int64), limit)

    def find(self, columns: InteractionColumns, fates: NDArray[np.uint8]) -> list[int]:
        """Return the hashes of sessions that exceed the limit with these n interactions, of which `fates` are known."""
        if not self.limit:
            return []
        found = np.empty(len(fates), np.uint64)
        count = _find(self.sessions, self.minutes, self.counts, self.limit, columns.session, columns.occurred_at_ms, fates, found)
        return [int(session) for session in found[:count]]


@compiled
def _find(sessions, minutes, counts, limit, session, time_ms, fates, found):
    finds = 0
    for row in range(len(fates)):
        if fates[row] >= EXCLUDED:
            continue
        slot, minute = session[row] & np.uint64(_SLOTS - 1), time_ms[row] // _MINUTE_MS
        is_same = sessions[slot] == session[row]
        if is_same and minutes[slot] == minute:
            counts[slot] += 1
            if counts[slot] == limit + 1:
                found[finds] = session[row]
                finds += 1
        elif minutes[slot] < minute or (not is_same and counts[slot] <= 1):
            sessions[slot], minutes[slot], counts[slot] = session[row], minute, 1
        elif not is_same:
            counts[slot] -= 1
    return finds
