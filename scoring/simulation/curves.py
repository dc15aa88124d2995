"""Behaviour of people whose own score curves are known: what each shares, rewinds to and skips follows that curve.

A curve's scale does not matter: a person feels a part of a video by its rank among all parts of it, so each shares from
the top of their own curve and skips its bottom. What feelings lead to is the session code of `session`, as for simulated
viewers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.compiled import compiled_counting
from schemas.errors import ConfigurationError
from schemas.hashing import mix
from schemas.limits import MAX_SCORE, MAX_TIME_MS
from scoring.simulation.arrivals import Block, Schedule, in_order_of_arrival
from scoring.simulation.delivery import deliver
from scoring.simulation.event_log import EventLog, Sitting, is_full, run_sessions
from scoring.simulation.interactions import InteractionBatch
from scoring.simulation.session import Habits, watch

HABITS = Habits(
    skip=0.25,
    skip_below=2.5,
    rewind=0.2,
    rewind_above=8.0,
    share=0.15,
    share_above=8.5,
    leave=0.0,
    search=0.0,
)
"""What a person does who was asked to judge the whole video: stays to the end, and is not shy to share."""

_EXTRA_SPREAD = 1.5
_EXTRA_MEMORY_MS = 10_000


@dataclass(frozen=True)
class ScoreCurve:
    """What one person thinks of one video."""

    video: int
    """Place of the video in the list of videos."""
    length_ms: int
    scores: NDArray[np.float64]
    """[cells], a score for each `cell_ms` of the video, on any scale."""


@dataclass(frozen=True)
class CurveViewers:
    """People with a curve each, and others drawn around them.

    Raises:
        ConfigurationError: there is no curve, a curve does not cover its video, or a number is out of range.
    """

    curves: Sequence[ScoreCurve]
    cell_ms: int
    extra_viewers_per_curve: int = 0
    """People who feel as the curve's person does, plus smooth noise of their own."""

    def __post_init__(self) -> None:
        if not self.curves:
            message = "curves is empty: give at least one"
            raise ConfigurationError(message)
        if self.extra_viewers_per_curve < 0:
            message = f"extra_viewers_per_curve = {self.extra_viewers_per_curve}: give 0 or more"
            raise ConfigurationError(message)
        for number, curve in enumerate(self.curves):
            needed = -(-curve.length_ms // self.cell_ms)
            if curve.length_ms < 1 or len(curve.scores) != needed or not np.isfinite(curve.scores).all():
                message = (
                    f"curve {number}: {len(curve.scores)} scores for {curve.length_ms} ms in cells of {self.cell_ms} ms; "
                    f"expected {needed} finite scores"
                )
                raise ConfigurationError(message)

    @property
    def sessions(self) -> int:
        """Each person watches once."""
        return len(self.curves) * (1 + self.extra_viewers_per_curve)


def simulate_curves(
    viewers: CurveViewers, start_ms: int, duration_ms: int, seed: np.random.SeedSequence, batch_size: int = 50_000
) -> Iterator[InteractionBatch]:
    """Yield what these people do, in order of arrival: each begins within `duration_ms` of `start_ms`, and watches once.

    The same viewers, times and seed give the same events, bit for bit, whatever `batch_size`.

    Raises:
        ConfigurationError: a time is out of range, or `batch_size` is below 1.
    """
    schedule = Schedule(viewers.sessions, start_ms, duration_ms)
    order_seed, session_seed = (np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, place)) for place in range(2))
    people = _people(viewers, np.random.default_rng(order_seed).permutation(viewers.sessions))
    salt = np.uint64(seed.generate_state(1, np.uint64)[0])
    blocks = ((_events_of(block, people, salt), block.complete_until_ms) for block in schedule.blocks(session_seed))
    return in_order_of_arrival(blocks, batch_size)


def felt_of(scores: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return scores as feelings on 0-10: the share of the curve that lies below, equals counting half."""
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    below = np.cumsum(count) - count
    return (MAX_SCORE * (below + count / 2) / len(scores))[place].astype(np.float32)


class _People(NamedTuple):
    """Curves as compiled code takes them; the cells of curve c are `felt[first_cell[c]:first_cell[c + 1]]`."""

    felt: NDArray[np.float32]
    first_cell: NDArray[np.int64]
    video: NDArray[np.int64]
    length_ms: NDArray[np.int64]
    cell_ms: int
    sessions_of_curve: int
    order: NDArray[np.int64]
    """Which person comes at which place in time."""


def _people(viewers: CurveViewers, order: NDArray[np.int64]) -> _People:
    felt = [felt_of(curve.scores) for curve in viewers.curves]
    return _People(
        felt=np.concatenate(felt),
        first_cell=np.cumsum([0, *map(len, felt)]),
        video=np.array([curve.video for curve in viewers.curves]),
        length_ms=np.array([curve.length_ms for curve in viewers.curves]),
        cell_ms=viewers.cell_ms,
        sessions_of_curve=1 + viewers.extra_viewers_per_curve,
        order=order,
    )


def _events_of(block: Block, people: _People, salt: np.uint64) -> NDArray[np.void]:
    def run(done: int, log: EventLog) -> int:
        after: int = _run(block.rng, people, HABITS, block.starts_at_ms, block.first_session, done, salt, log)
        return after

    return run_sessions(run, len(block.starts_at_ms))


@compiled_counting
def _run(rng, people, habits, starts_at_ms, first_session, done, salt, log):
    """Run sessions `done`... of a block; returns the number done when the log is full or all are."""
    for index in range(done, len(starts_at_ms)):
        if is_full(log):
            return index
        first = log.size[0]
        person = people.order[first_session + index]
        curve = person // people.sessions_of_curve
        felt = people.felt[people.first_cell[curve] : people.first_cell[curve + 1]].copy()
        if person % people.sessions_of_curve:
            _add_noise(rng, felt, people.cell_ms)
        sitting = Sitting(mix(salt, np.uint64(person)), mix(salt, ~np.uint64(person)), people.video[curve])
        heartbeat_ms = 10_000 + np.int64(rng.random() * 50_000)
        watch(
            rng,
            felt,
            people.cell_ms,
            people.length_ms[curve],
            habits,
            heartbeat_ms,
            starts_at_ms[index],
            MAX_TIME_MS,
            np.int64(0),
            sitting,
            log,
        )
        deliver(rng, log, first)
    return len(starts_at_ms)


@compiled_counting
def _add_noise(rng, felt, cell_ms):
    """Add a first-order autoregressive process of standard deviation _EXTRA_SPREAD."""
    keep = np.exp(-cell_ms / _EXTRA_MEMORY_MS)
    fresh = np.sqrt(1.0 - keep * keep)
    noise = rng.standard_normal()
    for cell in range(len(felt)):
        felt[cell] += _EXTRA_SPREAD * noise
        noise = keep * noise + fresh * rng.standard_normal()
