"""Rendering batches to messages."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.interactions import KINDS, REWIND, Interaction
from scoring.simulation.interactions import InteractionBatch, render_json
from scoring.simulation.library import Library

_MOST_MS = 86_400_000


@given(
    kind=st.integers(0, len(KINDS) - 1),
    session=st.integers(0, 2**64 - 1),
    viewer=st.integers(0, 2**64 - 1),
    time=st.integers(10**12, 4 * 10**12),
    ends=st.lists(st.integers(0, _MOST_MS), min_size=2, max_size=2, unique=True),
)
def test_a_message_is_canonical(kind: int, session: int, viewer: int, time: int, ends: list[int]) -> None:
    """What is rendered is what the contract reads, and writes again byte for byte."""
    low, high = sorted(ends)
    start, end = (high, low) if kind == REWIND else (low, high)
    batch = InteractionBatch(
        kind=np.array([kind], np.uint8),
        video=np.array([1], np.int32),
        session=np.array([session], np.uint64),
        viewer=np.array([viewer], np.uint64),
        occurred_at_ms=np.array([time], np.int64),
        from_ms=np.array([start], np.int64),
        to_ms=np.array([end], np.int64),
    )
    (message,) = render_json(batch, ("a", "b%d"))
    read = Interaction.model_validate_json(message)
    assert read.to_json() == message
    assert (read.kind, read.video_id, read.from_ms, read.to_ms) == (KINDS[kind], "b%d", start, end)
    assert (read.session_id, read.viewer_id) == (f"s-{session:016x}", f"u-{viewer:016x}")


def test_every_simulated_message_is_valid(behaviour: InteractionBatch, library: Library) -> None:
    """The contract accepts what viewers do."""
    for message in render_json(behaviour, library.video_ids)[::50]:
        Interaction.model_validate_json(message)
