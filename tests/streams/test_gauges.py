"""What is told of a worker's partitions, and that it is taken back with them."""

from collections.abc import Iterator

import pytest

from streams import metrics
from streams.gauges import set_partitions, set_sizes
from streams.settings import Settings
from streams.state import PartitionState
from streams.state_key import StateKey


@pytest.fixture
def states() -> Iterator[dict[int, PartitionState]]:
    """Two empty partitions, of which nothing is told any more in the end."""
    key = StateKey.of(Settings())
    yield {partition: PartitionState(partition, 2, key) for partition in range(2)}
    set_partitions({}, {})


def told(metric: str) -> dict[str, float]:
    """Return the values of a metric by partition."""
    found = {}
    for gauge in (metrics.LAG, metrics.STOPPED, metrics.RELEASE):
        for family in gauge.collect():
            if family.name == metric:
                found |= {sample.labels["partition"]: sample.value for sample in family.samples}
    return found


def test_lag_counts_what_is_not_applied(states: dict[int, PartitionState]) -> None:
    """The lag is the number of messages from the applied offset on."""
    states[1].ledger.applied_offset = 39
    set_partitions(states, {0: 7, 1: 100})
    assert told("highlights_lag") == {"0": 7, "1": 60}


def test_an_unknown_lag_is_not_told(states: dict[int, PartitionState]) -> None:
    """While Kafka does not say where a partition ends, no old lag stays."""
    set_partitions(states, {0: 7, 1: 8})
    set_partitions(states, {0: 7, 1: None})
    assert told("highlights_lag") == {"0": 7}


def test_a_partition_that_has_gone_is_not_told_of(states: dict[int, PartitionState]) -> None:
    """Another worker tells of it: two values of one partition would add up."""
    for partition in states:
        metrics.STOPPED.labels(partition).set(1)
    set_partitions(states, {0: 1, 1: 1})
    set_partitions({0: states[0]}, {0: 1})
    assert {name: set(told(f"highlights_{name}")) for name in ("lag", "stopped", "ranker_release")} == {
        "lag": {"0"},
        "stopped": {"0"},
        "ranker_release": {"0"},
    }


def test_a_new_release_takes_the_place_of_the_old_one(states: dict[int, PartitionState]) -> None:
    """Of each partition one release is told."""
    set_partitions(states, {0: 1, 1: 1})
    states[0].ledger.ranker_release = "r-2"
    set_partitions(states, {0: 1, 1: 1})
    releases = [sample.labels["release"] for family in metrics.RELEASE.collect() for sample in family.samples]
    assert sorted(releases) == ["", "r-2"]


def test_the_size_of_the_state_is_that_of_its_arrays(states: dict[int, PartitionState]) -> None:
    """Bytes are those of pages and session records of all partitions."""
    set_sizes(states)
    arrays = [array for state in states.values() for array in (*state.statistics.pages, *state.statistics.sessions)]
    assert metrics.STATE_BYTES._value.get() == sum(array.nbytes for array in arrays)
