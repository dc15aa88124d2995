"""What a source of interactions is to `highlights replay`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scoring.simulation.interactions import InteractionBatch, render_json

UNKNOWN_TIME_MS = -1


@dataclass(frozen=True)
class ReplayBatch:
    """n messages for topic `interactions`, in the order to send them."""

    keys: list[bytes | None]
    """[n], the video's id; None where a line does not tell."""
    values: list[bytes]
    """[n], the raw messages."""
    event_times_ms: NDArray[np.int64]
    """[n], event times in Unix ms; UNKNOWN_TIME_MS where a line does not tell."""


class ReplaySource(Protocol):
    """A finite source of interactions."""

    @property
    def expected_events(self) -> int | None:
        """About how many events there will be, for a progress bar; None where nobody knows."""

    def batches(self) -> Iterator[ReplayBatch]:
        """Yield the events, from the first on each call."""


def replay_batch(batch: InteractionBatch, video_ids: tuple[str, ...]) -> ReplayBatch:
    """Return simulated interactions as messages."""
    names = [video_id.encode() for video_id in video_ids]
    return ReplayBatch(
        keys=[names[video] for video in batch.video.tolist()],
        values=render_json(batch, video_ids),
        event_times_ms=batch.occurred_at_ms,
    )
