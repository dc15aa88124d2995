"""A seeded run that several tests look at."""

from dataclasses import fields

import numpy as np
import pytest

from scoring.simulation.arrivals import Schedule
from scoring.simulation.interactions import InteractionBatch
from scoring.simulation.library import Library, make_library
from scoring.simulation.viewers import Audience, make_audience, simulate

SEED = 20_240_917
VIDEOS = 40


@pytest.fixture(scope="session")
def start_ms() -> int:
    """Return the Unix ms at which behaviour begins."""
    return 1_790_000_000_000


@pytest.fixture(scope="session")
def library() -> Library:
    """Return a small library."""
    return make_library(np.random.default_rng(SEED), videos=VIDEOS)


@pytest.fixture(scope="session")
def audience() -> Audience:
    """Return an audience of that library."""
    return make_audience(np.random.default_rng(SEED + 1), VIDEOS, viewers=2_000)


@pytest.fixture(scope="session")
def behaviour(library: Library, audience: Audience, start_ms: int) -> InteractionBatch:
    """Return what 30,000 sessions do in six hours, in order of arrival."""
    batches = list(simulate(library, audience, Schedule(30_000, start_ms), np.random.SeedSequence(SEED)))
    names = [field.name for field in fields(InteractionBatch)]
    return InteractionBatch(**{name: np.concatenate([getattr(batch, name) for batch in batches]) for name in names})
