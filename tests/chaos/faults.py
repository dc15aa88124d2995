"""Rounds of faults, drawn."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from tests.chaos.proxy import Spoil
from tests.chaos.sabotage import FLUSH_MOMENTS, Manner, Moment, Sabotage
from tests.chaos.traffic import Batch

MOST_WORKERS = 3
_MANNERS = {Manner.KILL: 0.6, Manner.CRASH: 0.15, Manner.TERMINATE: 0.1, Manner.FREEZE: 0.15}
_LATEST_VISIT = {
    Moment.FETCH: 60,
    Moment.BETWEEN_CHUNKS: 12,
    Moment.RECOVERY: 4,
    Moment.BEFORE_TAKING_OVER: 2,
    Moment.AFTER_TAKING_OVER: 2,
    Moment.BEFORE_GIVING_UP: 1,
    Moment.AFTER_GIVING_UP: 1,
    Moment.RECOMPUTING: 3,
    Moment.REPLACED: 3,
}
_LATEST_FLUSH = 6
_RARE = {Batch.HUGE: 0.03, Batch.EXCLUSIONS: 0.15}
"""Batches that a round has so often."""
_OF_EXCLUSIONS = (Moment.RECOMPUTING, Moment.REPLACED)


class Outage(StrEnum):
    """What happens to the servers, and so to all lanes at once."""

    BROKER_KILLED = "Kafka: kill -9 and restart"
    BROKER_RESTARTED = "Kafka: orderly restart"
    BROKER_FROZEN = "Kafka: frozen for some seconds"
    CLICKHOUSE_KILLED = "ClickHouse: kill -9 and restart"
    CLICKHOUSE_DOWN = "ClickHouse: down for a while"
    CLICKHOUSE_FROZEN = "ClickHouse: frozen for some seconds"
    BROKER_DISK_FULL = "Kafka: cannot write any file"
    CLICKHOUSE_DISK_FULL = "ClickHouse: disk full up to its reserve"


@dataclass(frozen=True)
class Round:
    """What one round does to one lane."""

    sabotages: tuple[Sabotage, ...]
    """One for each worker that is hit; they start at the beginning of the round."""
    healthy: int
    """Workers that are not hit and run beside them."""
    batches: tuple[Batch, ...]
    spoils: tuple[Spoil, ...]

    def __str__(self) -> str:
        """Everything, so that a failure can be read."""
        hits = [f"{sabotage.name} (visit {sabotage.visit})" for sabotage in self.sabotages]
        return "; ".join([*hits, *self.batches, *self.spoils, f"{self.healthy} healthy workers"])


def draw_round(rng: np.random.Generator, turn: int) -> Round:
    """Draw a round; the first worker that it hits is hit at a moment of the flush, at each in its turn."""
    hit = int(rng.integers(1, MOST_WORKERS + 1))
    healthy = int(rng.integers(0, MOST_WORKERS - hit + 1))
    spoils = rng.choice(list(Spoil), size=int(rng.integers(0, 4)))
    batches = rng.choice([batch for batch in Batch if batch not in _RARE], size=int(rng.integers(2, 6)))
    rare = [batch for batch, share in _RARE.items() if rng.random() < share]
    first = _draw_sabotage(rng, FLUSH_MOMENTS[turn % len(FLUSH_MOMENTS)])
    sabotages = (first, *(_draw_sabotage(rng) for _ in range(1, hit)))
    if any(sabotage.moment in _OF_EXCLUSIONS for sabotage in sabotages):
        rare.append(Batch.EXCLUSIONS)
    return Round(
        sabotages=sabotages,
        healthy=healthy,
        batches=(*map(Batch, batches), *rare),
        spoils=tuple(map(Spoil, spoils)),
    )


def _draw_sabotage(rng: np.random.Generator, moment: Moment | None = None) -> Sabotage:
    manner = Manner(rng.choice(list(_MANNERS), p=list(_MANNERS.values())))
    moments = FLUSH_MOMENTS if rng.random() < 0.6 else [other for other in Moment if other not in FLUSH_MOMENTS]
    moment = moment or Moment(rng.choice(list(moments)))
    return Sabotage(manner, moment, int(rng.integers(1, _LATEST_VISIT.get(moment, _LATEST_FLUSH) + 1)))
