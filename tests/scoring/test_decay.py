"""Decayed sums: free of order, and as large as the formula says."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.statistics.aggregation import Rules
from scoring.statistics.decay import HALF_LIVES_PER_ERA, STEPS_PER_HALF_LIFE, effective_count
from scoring.statistics.partition import ClipSelection, PartitionStatistics
from tests.scoring.logs import HASH_KEY, START_MS, columns_of
from tests.scoring.oracle import Event

_HALF_LIFE_MS = 10_000
_ERA_MS = _HALF_LIFE_MS * HALF_LIVES_PER_ERA
_ALWAYS = Rules(_HALF_LIFE_MS, session_window_ms=10 * _ERA_MS, max_clock_skew_ms=0)
_STEP = 2 ** (1 / STEPS_PER_HALF_LIFE) - 1
_ROUNDING = 2.0**-13


def _played(times_ms: list[int]) -> PartitionStatistics:
    """Return the statistics of one clip that one session after the other played at the given times."""
    found = PartitionStatistics(0, 1, _ALWAYS, HASH_KEY)
    found.apply(*columns_of([Event(at, time, "play", "v", f"s{at}", time, 0, 10_000) for at, time in enumerate(times_ms)]))
    return found


def _recent(found: PartitionStatistics) -> float:
    return float(found.signals(ClipSelection(np.zeros(1, np.int64), np.zeros(1, np.int64))).sessions[0, 0])


_times = st.lists(st.integers(START_MS, START_MS + 4 * _ERA_MS), min_size=1, max_size=20)


@given(_times, st.randoms(use_true_random=False))
def test_sums_do_not_depend_on_the_order_of_events(times_ms: list[int], random: Random) -> None:
    """Any order of the same events, over several eras, gives the same bits."""
    shuffled = list(times_ms)
    random.shuffle(shuffled)
    one, other = _played(times_ms), _played(shuffled)
    for name in ("decayed", "era", "latest_ms", "counts"):
        np.testing.assert_array_equal(getattr(one.pages, name), getattr(other.pages, name))
    assert _recent(one) == _recent(other)


@given(_times)
def test_effective_count_is_the_sum_of_halvings(times_ms: list[int]) -> None:
    """It is the sum of 2**-(age / half-life), short by at most a 256th of a half-life and what is older than 16 half-lives."""
    newest = max(times_ms)
    exact = sum(2.0 ** -((newest - time) / _HALF_LIFE_MS) for time in times_ms)
    dropped = len(times_ms) * 2.0**-HALF_LIVES_PER_ERA
    assert exact * (1 - _STEP - _ROUNDING) - dropped <= _recent(_played(times_ms)) <= exact * (1 + _ROUNDING)


@pytest.mark.parametrize("passed_ms", [0, 1, _ERA_MS - 1, _ERA_MS, _ERA_MS + 1, 50 * _ERA_MS])
def test_an_era_s_border_loses_nothing(passed_ms: int) -> None:
    """Two events half a half-life apart weigh the same wherever the border of an era lies between or behind them."""
    start = START_MS // _ERA_MS * _ERA_MS + passed_ms - _HALF_LIFE_MS // 2
    assert _recent(_played([start, start + _HALF_LIFE_MS // 2])) == pytest.approx(1 + 2**-0.5, rel=_STEP + 2 * _ROUNDING)


def test_counts_halve_with_each_half_life() -> None:
    """The same sums one half-life later are worth half as much."""
    newest, previous, era = np.array([4096 * 7]), np.array([4096]), np.array([3])
    at_ms = np.array([3 * _ERA_MS])
    now, later = (effective_count(newest, previous, era, at_ms + passed, _HALF_LIFE_MS) for passed in (0, _HALF_LIFE_MS))
    assert now[0] == 7 + 2.0**-16
    assert later[0] == now[0] / 2
