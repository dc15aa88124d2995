"""Clips with people's labels and with what several signals say of them: what a fusion is judged by."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SignalledClips:
    """n clips, lists one after another, in the order of time within each."""

    name: str
    """Of the data, for the report."""
    signals: tuple[str, ...]
    """[k] names."""
    value: Floats
    """[k, n] NaN where a signal is missing."""
    label: Floats
    """[n] what people think, on 0-10."""
    video: NDArray[np.int64]
    """[n] from 0: clips of one video are never on two sides of a split."""
    listed_with: NDArray[np.int64]
    """[n] from 0, growing: clips of the same number are candidates for the same highlights."""
    seconds: int
    """Length of a clip."""

    def below_the_best(self) -> Self:
        """Return the clips with each value as its distance from the best of its list, 0 or less."""
        starts = np.flatnonzero(np.diff(self.listed_with, prepend=-1))
        best = np.fmax.reduceat(self.value, starts, axis=1)
        return replace(self, value=self.value - np.repeat(best, np.diff(starts, append=len(self.label)), axis=1))

    def with_neighbours(self, steps: int) -> Self:
        """Return the clips with those so many before and after them as signals of their own; NaN beyond the list's ends."""
        place = np.arange(len(self.label))
        names, values = list(self.signals), [self.value]
        for step in (*range(-steps, 0), *range(1, steps + 1)):
            other = np.clip(place + step, 0, len(place) - 1)
            there = (other == place + step) & (self.listed_with[other] == self.listed_with)
            names += [f"{name} {step:+d}" for name in self.signals]
            values.append(np.where(there, self.value[:, other], np.nan))
        return replace(self, signals=tuple(names), value=np.concatenate(values))

    def joined(self, seconds: int) -> Self:
        """Return longer clips, with the mean values and labels of those that they are made of."""
        together = seconds // self.seconds
        place = np.arange(len(self.label)) - np.searchsorted(self.listed_with, self.listed_with)
        starts = np.flatnonzero(place % together == 0)
        size = np.diff(starts, append=len(self.label))
        label = np.add.reduceat(self.label, starts) / size
        known = np.add.reduceat(~np.isnan(self.value), starts, axis=1, dtype=np.float64)
        total = np.add.reduceat(np.nan_to_num(self.value), starts, axis=1)
        value = np.divide(total, known, out=np.full_like(total, np.nan), where=known > 0)
        return replace(
            self, value=value, label=label, video=self.video[starts], listed_with=self.listed_with[starts], seconds=seconds
        )
