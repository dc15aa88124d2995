"""The stream of simulated viewers."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import spearmanr

from schemas.errors import ConfigurationError
from schemas.interactions import FAST_FORWARD, KINDS, PLAY, REWIND, SHARE
from scoring.simulation.arrivals import Schedule
from scoring.simulation.interactions import InteractionBatch, render_json
from scoring.simulation.library import Library
from scoring.simulation.viewers import Audience, make_audience, simulate
from scoring.statistics.aggregation import clip_range

_SHARES_IN_PERCENT = {"play": (70, 80), "share": (2, 4), "rewind": (5, 9), "fast_forward": (8, 12)}


@pytest.fixture(scope="module")
def messages(library: Library, audience: Audience, start_ms: int):
    """Return a function from a seed and a batch size to the messages of 3,000 sessions (two blocks)."""

    def made(seed: int, batch_size: int) -> list[bytes]:
        batches = simulate(library, audience, Schedule(3_000, start_ms), np.random.SeedSequence(seed), batch_size)
        return [message for batch in batches for message in render_json(batch, library.video_ids)]

    return made


def test_the_same_seed_gives_the_same_messages(messages) -> None:
    """Nothing but the arguments decides what happens."""
    assert messages(1, 50_000) == messages(1, 50_000)


def test_another_seed_gives_other_sessions(messages) -> None:
    """Two runs with different seeds share no session."""
    one, other = ({message.split(b",")[3] for message in messages(seed, 50_000)} for seed in (1, 2))
    assert not one & other


@pytest.mark.parametrize("batch_size", [1_000, 7_919, 1_000_000])
def test_batch_size_changes_nothing(messages, batch_size: int) -> None:
    """The stream is one; batches only cut it."""
    assert messages(1, batch_size) == messages(1, 50_000)


def test_batches_are_full_but_for_the_last(library: Library, audience: Audience, start_ms: int) -> None:
    """Each batch has the size asked for, and the last one has the rest."""
    sizes = [
        len(batch) for batch in simulate(library, audience, Schedule(2_500, start_ms), np.random.SeedSequence(5), batch_size=999)
    ]
    assert set(sizes[:-1]) == {999}
    assert 0 < sizes[-1] <= 999


def test_every_range_keeps_the_contract(behaviour: InteractionBatch, library: Library) -> None:
    """Positions lie in the video, in the order that the kind asks for."""
    kind, start, end = behaviour.kind, behaviour.from_ms, behaviour.to_ms
    assert (np.minimum(start, end) >= 0).all()
    assert (np.maximum(start, end) <= library.length_ms[behaviour.video]).all()
    assert (end >= start)[kind == PLAY].all()
    assert (end > start)[(kind == SHARE) | (kind == FAST_FORWARD)].all()
    assert (end < start)[kind == REWIND].all()


def test_event_times_lie_in_the_schedule(behaviour: InteractionBatch, start_ms: int) -> None:
    """Nothing happens before the start or after the end."""
    assert behaviour.occurred_at_ms.min() >= start_ms
    assert behaviour.occurred_at_ms.max() <= Schedule(1, start_ms).end_ms


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_have_their_share(behaviour: InteractionBatch, kind: str) -> None:
    """The mix of kinds is that of a video service."""
    low, high = _SHARES_IN_PERCENT[kind]
    assert low <= 100 * np.mean(behaviour.kind == KINDS.index(kind)) <= high


def test_popularity_has_a_long_tail(behaviour: InteractionBatch) -> None:
    """A fifth of the videos gets about half of the events, and every video gets some."""
    events = np.sort(np.bincount(behaviour.video, minlength=40))[::-1]
    assert events[:8].sum() > 0.45 * events.sum()
    assert events.min() > 0


def test_viewers_drop_out(behaviour: InteractionBatch, library: Library) -> None:
    """The first quarter of the videos is watched much more than the last."""
    plays = behaviour.kind == PLAY
    place = behaviour.from_ms[plays] / library.length_ms[behaviour.video[plays]]
    assert np.sum(place < 0.25) > 1.5 * np.sum(place > 0.75)


def test_some_events_arrive_minutes_late(behaviour: InteractionBatch) -> None:
    """Between 0.1 % and 3 % of the events come more than a minute after newer ones."""
    late = np.maximum.accumulate(behaviour.occurred_at_ms) - behaviour.occurred_at_ms > 60_000
    assert 0.001 < late.mean() < 0.03


def test_some_events_arrive_twice(behaviour: InteractionBatch, library: Library) -> None:
    """Between 0.1 % and 1 % of the messages repeat another one byte for byte."""
    made = render_json(behaviour, library.video_ids)
    assert 0.001 < 1 - len(set(made)) / len(made) < 0.01


def test_sessions_overlap_in_the_stream(behaviour: InteractionBatch) -> None:
    """Event times are lightly out of order between sessions."""
    steps_back = np.mean(np.diff(behaviour.occurred_at_ms) < 0)
    assert 0.05 < steps_back < 0.5


def test_machines_share_faster_than_people(behaviour: InteractionBatch) -> None:
    """A few sessions share ten times and more within seconds, all on one video, and do nothing else."""
    _, session, count = np.unique(behaviour.session, return_inverse=True, return_counts=True)
    shares = np.bincount(session, behaviour.kind == SHARE)
    machines = np.flatnonzero((shares == count) & (count >= 10))
    assert 0 < len(machines) < 100
    for machine in machines.tolist():
        rows = session == machine
        assert len(np.unique(behaviour.video[rows])) == 1
        assert np.ptp(behaviour.occurred_at_ms[rows]) < 60 * 300


def test_some_sessions_search(behaviour: InteractionBatch) -> None:
    """Some seeks, not most, are followed by another one of their session within three seconds."""
    order = np.lexsort((behaviour.occurred_at_ms, behaviour.session))
    kind, session, time = behaviour.kind[order], behaviour.session[order], behaviour.occurred_at_ms[order]
    seek = (kind == REWIND) | (kind == FAST_FORWARD)
    gap = np.diff(time)
    hurried = seek[:-1] & seek[1:] & (session[:-1] == session[1:]) & (gap > 0) & (gap < 3_000)
    assert 0.01 < hurried.sum() / seek.sum() < 0.3


def _sessions_by_clip(behaviour: InteractionBatch, library: Library, video: int) -> np.ndarray:
    """Return distinct sessions [kind, clip] of one video, counted the slow way by the worker's rules."""
    rows = np.flatnonzero(behaviour.video == video)
    rows = rows[np.lexsort((behaviour.occurred_at_ms[rows], behaviour.session[rows]))].tolist()
    counted: set[tuple[int, int, int]] = set()
    for row, following in pairwise([*rows, rows[0]]):
        kind, session = int(behaviour.kind[row]), int(behaviour.session[row])
        if kind in (REWIND, FAST_FORWARD):
            dwell_ms = behaviour.occurred_at_ms[following] - behaviour.occurred_at_ms[row]
            if behaviour.session[following] != session or dwell_ms < 3_000:
                continue
        first, last = clip_range(kind, behaviour.from_ms[row], behaviour.to_ms[row])
        counted.update((kind, clip, session) for clip in range(first, last + 1))
    clips = library.clips(video)
    sessions = np.zeros((len(KINDS), clips.stop - clips.start))
    for kind, clip, _ in counted:
        sessions[kind, clip] += 1
    return sessions


@pytest.mark.parametrize(
    ("kind", "at_least", "sign"), [(SHARE, 0.6, 1), (REWIND, 0.5, 1), (FAST_FORWARD, 0.4, -1)], ids=lambda value: str(value)
)
def test_appeal_can_be_recovered(behaviour: InteractionBatch, library: Library, kind: int, at_least: float, sign: int) -> None:
    """Within popular videos, share and rewind rates rise with appeal and the rate of fast-forwards falls with it."""
    correlations = []
    for video in np.argsort(-np.bincount(behaviour.video))[:8].tolist():
        sessions = _sessions_by_clip(behaviour, library, video)
        exposed = sessions[PLAY] >= 100
        passed = sessions[PLAY] + (sessions[FAST_FORWARD] if kind == FAST_FORWARD else 0)
        rate = sessions[kind][exposed] / passed[exposed]
        correlations.append(sign * spearmanr(library.appeal[library.clips(video)][exposed], rate).statistic)
    assert np.mean(correlations) > at_least


@pytest.mark.parametrize(
    ("sessions", "start", "duration_ms", "named"),
    [(0, 10**12, 10**6, "sessions"), (1, 5, 10**6, "start_ms"), (1, 10**12, 10, "duration_ms")],
)
def test_a_wrong_schedule_is_named(sessions: int, start: int, duration_ms: int, named: str) -> None:
    """The error names the field."""
    with pytest.raises(ConfigurationError, match=named):
        Schedule(sessions, start, duration_ms)


def test_an_empty_audience_is_refused() -> None:
    """There is no behaviour without viewers."""
    with pytest.raises(ConfigurationError, match="viewers = 0"):
        make_audience(np.random.default_rng(1), videos=3, viewers=0)


def test_an_empty_batch_is_refused(library: Library, audience: Audience, start_ms: int) -> None:
    """The error comes before the first event is made."""
    with pytest.raises(ConfigurationError, match="batch_size = 0"):
        simulate(library, audience, Schedule(10, start_ms), np.random.SeedSequence(1), batch_size=0)
