"""What a fusion may learn from labelled clips.

A signal that was itself learned is nearer to labels and viewers on the videos that it was learned from than on any other: a
fusion that learned there how far to trust it would trust it too far. So there it is hidden, as if it were missing; the other
signals are learned from all videos.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.learned_fusion.model import SignalTable

Floats = NDArray[np.float64]


class Lesson(NamedTuple):
    """What a fusion is learned from: n labelled clips."""

    signals: SignalTable
    """[k, n]"""
    label: Floats
    """[n] worth on 0-10."""
    video: NDArray[np.int64]
    """[n] number of each clip's video: errors of one video have much in common."""
    whole: NDArray[np.bool_]
    """[n] whether the clip has all signals that a worker has of it; the interval is set by these."""

    def take(self, clips: NDArray[np.bool_]) -> "Lesson":
        """Return some clips."""
        return Lesson(self.signals.take(clips), self.label[clips], self.video[clips], self.whole[clips])

    def only(self, signals: list[int]) -> "Lesson":
        """Return some signals."""
        return self._replace(signals=self.signals.only(signals))

    @property
    def teaches(self) -> bool:
        """Whether labels differ, and a signal is there to tell them by."""
        return bool(len(self.label) and np.ptp(self.label) > 0 and not np.isnan(self.signals.value).all())


def lesson_of(signals: SignalTable, label: Floats, video: NDArray[np.int64], learned: NDArray[np.bool_] | None = None) -> Lesson:
    """Return what n labelled clips teach; a signal is hidden on the videos that it was itself learned from.

    Args:
        signals: k signals.
        label: [n] worth on 0-10.
        video: [n] number of each clip's video.
        learned: [k, n] whether the signal was learned from the clip's video, or from what its viewers did; None for nowhere.
    """
    there = ~np.isnan(signals.value)
    hidden = there & learned if learned is not None else np.zeros_like(there)
    whole: NDArray[np.bool_] = np.logical_not(hidden.any(axis=0))
    return Lesson(signals._replace(value=np.where(hidden, np.nan, signals.value)), label, video, whole)
