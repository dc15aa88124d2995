"""`--source simulate`: a seeded audience watching a seeded library."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from schemas.errors import ConfigurationError
from scoring.simulation.arrivals import Schedule
from scoring.simulation.library import Library, make_library
from scoring.simulation.supervised import supervised_messages
from scoring.simulation.viewers import make_audience, simulate
from streams.replay.source import ReplayBatch, replay_batch

_EVENTS_OF_A_SESSION = 22
"""On average, in libraries of ordinary size; measured by a test."""


class SimulateSource:
    """Simulated viewers. The same arguments give the same messages, byte for byte.

    Args:
        seed: of library, audience and behaviour.
        events: about how many interactions to make; a session is never cut short to meet the number.
        start_ms: Unix ms of the first sessions.
        duration_ms: the sessions are spread over this time, and nothing happens after it.
        videos: size of the library.
        batch_size: messages in a batch.

    Raises:
        ConfigurationError: a number is out of range.
    """

    def __init__(
        self,
        *,
        seed: int,
        events: int,
        start_ms: int,
        duration_ms: int = 6 * 3_600_000,
        videos: int = 600,
        batch_size: int = 50_000,
    ) -> None:
        if events < 1:
            message = f"events = {events}: give at least 1"
            raise ConfigurationError(message)
        self._events = events
        self._videos = videos
        self._batch_size = batch_size
        self._schedule = Schedule(-(-events // _EVENTS_OF_A_SESSION), start_ms, duration_ms)
        self._library_seed, self._audience_seed, self._behaviour_seed = np.random.SeedSequence(seed).spawn(3)

    @property
    def expected_events(self) -> int | None:
        """About how many events there will be."""
        return self._events

    @cached_property
    def library(self) -> Library:
        """The library that is watched: its truth, and what supervised models say of it."""
        return make_library(np.random.default_rng(self._library_seed), self._videos)

    def supervised_messages(self) -> Iterator[dict[str, Any]]:
        """Yield what supervised models say of the library, one message a video."""
        return supervised_messages(self.library)

    def batches(self) -> Iterator[ReplayBatch]:
        """Yield the events in order of arrival."""
        audience = make_audience(np.random.default_rng(self._audience_seed), self._videos)
        for batch in simulate(self.library, audience, self._schedule, self._behaviour_seed, self._batch_size):
            yield replay_batch(batch, self.library.video_ids)
