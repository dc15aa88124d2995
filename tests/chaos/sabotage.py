"""What a worker does to itself: at the drawn visit of a drawn moment it dies, breaks, freezes, or is asked to stop."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Moment(StrEnum):
    """Where in its work a worker is hit."""

    BEFORE_INSERT = "before the ClickHouse insert"
    WITHIN_INSERT = "between two ClickHouse inserts"
    AFTER_INSERT = "between insert and changelog"
    WITHIN_CHANGELOG = "with half of the changelog written"
    AFTER_CHANGELOG = "between changelog and its commit"
    WITHIN_CHANGELOG_COMMIT = "with the changelogs of some partitions committed"
    BEFORE_COMMIT = "between changelog and commit of the source offset"
    AFTER_COMMIT = "right after the commit of the source offset"
    FETCH = "during fetch"
    BETWEEN_CHUNKS = "between two chunks"
    RECOVERY = "during recovery, already the only writer"
    BEFORE_TAKING_OVER = "before partitions are taken over"
    AFTER_TAKING_OVER = "after partitions are taken over"
    BEFORE_GIVING_UP = "before partitions are given up"
    AFTER_GIVING_UP = "after partitions are given up"
    RECOMPUTING = "while a state is computed anew"
    REPLACED = "with a state in another's place, its rows not published"


FLUSH_MOMENTS = tuple(Moment)[: tuple(Moment).index(Moment.FETCH)]


class Manner(StrEnum):
    """How it is hit."""

    KILL = "kill -9"
    CRASH = "exception"
    FREEZE = "frozen past the session timeout"
    TERMINATE = "SIGTERM"


@dataclass(frozen=True)
class Sabotage:
    """One drawn fault of a worker."""

    manner: Manner
    moment: Moment
    visit: int
    """Of the moment: 1 is the first."""

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.manner}, {self.moment}"


class SabotageError(RuntimeError):
    """The exception of `Manner.CRASH`: nothing in the product expects it."""


class Saboteur:
    """Counts the visits of the drawn moment, and strikes."""

    def __init__(self, sabotage: Sabotage | None, mark: Path) -> None:
        """Set the plan, and the file that tells that it was carried out."""
        self._plan = sabotage
        self._left = sabotage.visit if sabotage else 0
        self._mark = mark

    def is_next(self, moment: Moment) -> bool:
        """Return whether the next visit of a moment is the drawn one."""
        return self._plan is not None and self._plan.moment is moment and self._left == 1

    def reach(self, moment: Moment) -> None:
        """Visit a moment.

        Raises:
            SabotageError: the drawn manner is an exception.
        """
        if self._plan is None or self._plan.moment is not moment:
            return
        self._left -= 1
        if self._left == 0:
            self._mark.touch()
            _STRIKES[self._plan.manner](self._plan)


def _signal(number: signal.Signals) -> Callable[[Sabotage], None]:
    return lambda _plan: os.kill(os.getpid(), number)


def _crash(plan: Sabotage) -> None:
    message = f"sabotage: {plan.name}, visit {plan.visit}"
    raise SabotageError(message)


_STRIKES: dict[Manner, Callable[[Sabotage], None]] = {
    Manner.KILL: _signal(signal.SIGKILL),
    Manner.CRASH: _crash,
    Manner.FREEZE: _signal(signal.SIGSTOP),
    Manner.TERMINATE: _signal(signal.SIGTERM),
}
