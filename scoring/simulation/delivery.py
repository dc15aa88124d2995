"""How the events of a session reach the topic: a little late, some minutes late, some of them twice."""

import numpy as np

from schemas.compiled import compiled_counting

_SHORTEST_DELAY_MS = 40
_TYPICAL_DELAY_MS = 400.0
_OUTAGE_CHANCE = 0.03
_SHORTEST_OUTAGE_MS, _LONGEST_OUTAGE_MS = 60_000, 900_000
_TYPICAL_OUTAGE_MS = 150_000.0
_TWICE_CHANCE = 0.004
_TYPICAL_RETRY_MS = 5_000.0


@compiled_counting
def deliver(rng, log, first):
    """Set the arrival of a session's events, rows `first`... of the log, and add those that arrive a second time.

    A session's delay does not change, so its events arrive in order, while those of other sessions get between them. Where
    the connection breaks, all that follows arrives when it is back.
    """
    last = log.size[0]
    delay = _SHORTEST_DELAY_MS + np.int64(rng.exponential(_TYPICAL_DELAY_MS))
    broken_from = broken_until = np.int64(0)
    if rng.random() < _OUTAGE_CHANCE and last > first:
        broken_from = log.events[first + np.int64(rng.random() * (last - first))].occurred_at_ms
        outage = _SHORTEST_OUTAGE_MS + np.int64(rng.exponential(_TYPICAL_OUTAGE_MS))
        broken_until = broken_from + min(outage, _LONGEST_OUTAGE_MS)
    for row in range(first, last):
        event = log.events[row]
        event.arrives_at_ms = event.occurred_at_ms + delay
        if broken_from <= event.occurred_at_ms and event.arrives_at_ms < broken_until:
            event.arrives_at_ms = broken_until
        if rng.random() < _TWICE_CHANCE:
            log.events[log.size[0]] = event
            log.events[log.size[0]].arrives_at_ms += 500 + np.int64(rng.exponential(_TYPICAL_RETRY_MS))
            log.size[0] += 1
