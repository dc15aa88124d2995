"""Gauges of what a worker has: set at an interval, and taken back when a partition goes to another worker."""

from collections.abc import Awaitable, Callable, Mapping, Set
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError
from faust.types import TP
from prometheus_client import Gauge

from streams import metrics
from streams.state import PartitionState
from streams.store import ColumnStore

log = structlog.get_logger()

_INTERVAL_S: Final = 5.0


class Gauges:
    """Sizes of the state, the lag and the release of each partition."""

    def __init__(self, store: ColumnStore, topic: str, end_offsets: Callable[[set[TP]], Awaitable[Mapping[TP, int]]]) -> None:
        """Watch the states of a store, and how far they are behind a topic.

        Args:
            store: holds the states by partition.
            topic: of interactions.
            end_offsets: asks Kafka for the offsets after the last messages.
        """
        self._store, self._topic, self._end_offsets = store, topic, end_offsets

    async def run(self, should_stop: Callable[[], bool], sleep: Callable[[float], Awaitable[Any]]) -> None:
        """Set all gauges every few seconds."""
        while not should_stop():
            await sleep(_INTERVAL_S)
            states = dict(self._store.states)
            ends = await self._ends(states)
            set_sizes(states)
            set_partitions(states, {partition: ends.get(TP(self._topic, partition)) for partition in states})

    async def _ends(self, states: Mapping[int, PartitionState]) -> Mapping[TP, int]:
        if not states:
            return {}
        try:
            return await self._end_offsets({TP(self._topic, partition) for partition in states})
        except KafkaError as error:
            log.warning("lag unknown", error=str(error))
            return {}


def set_sizes(states: Mapping[int, PartitionState]) -> None:
    """Set how much state there is."""
    statistics = [state.statistics for state in states.values()]
    metrics.OWNED.set(len(states))
    metrics.PAGES.set(sum(int(part.pages.size[0]) for part in statistics))
    metrics.SESSIONS.set(sum(int(part.sessions.size[0]) for part in statistics))
    metrics.STATE_BYTES.set(sum(column.nbytes for part in statistics for column in (*part.pages, *part.sessions)))


def set_partitions(states: Mapping[int, PartitionState], ends: Mapping[int, int | None]) -> None:
    """Set what is told of each partition, and nothing of those that are not ours.

    Args:
        states: by partition.
        ends: the offset after the last message by partition; None where it is unknown, and so is the lag.
    """
    known = {(str(partition),) for partition, end in ends.items() if end is not None}
    _keep(metrics.LAG, known)
    _keep(metrics.STOPPED, {(str(partition),) for partition in states})
    _keep(metrics.RELEASE, {(str(partition), state.ledger.ranker_release) for partition, state in states.items()})
    _keep(metrics.FUSION, {(str(partition), state.statistics.fusion.version) for partition, state in states.items()})
    for partition, state in states.items():
        end = ends[partition]
        if end is not None:
            metrics.LAG.labels(partition).set(max(0, end - state.ledger.applied_offset - 1))
        metrics.RELEASE.labels(partition, state.ledger.ranker_release).set(1)
        metrics.FUSION.labels(partition, state.statistics.fusion.version).set(1)


def _keep(gauge: Gauge, wanted: Set[tuple[str, ...]]) -> None:
    there = {tuple(sample.labels.values()) for family in gauge.collect() for sample in family.samples}
    for labels in there - wanted:
        gauge.remove(*labels)
