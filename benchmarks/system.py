"""What the systems that are measured have in common: who watches, since when, and what is set for their workers."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from streams.replay.publish import publish_interactions, publish_supervised
from streams.replay.simulate import SimulateSource
from streams.replay.source import ReplaySource
from streams.settings import Settings

START_MS: Final = 1_790_000_000_000
"""When simulated viewers begin to watch."""
_ANY_PACE: Final = 1_000_000_000


class Viewers(ReplaySource, Protocol):
    """A source of interactions with videos that models know."""

    def supervised_messages(self) -> Iterable[Mapping[str, Any]]:
        """Return what models say of the videos."""


def viewers(seed: int, events: int, videos: int) -> SimulateSource:
    """Return simulated viewers of a library, with about so many interactions."""
    return SimulateSource(seed=seed, events=events, videos=videos, start_ms=START_MS)


def fill(settings: Settings, source: Viewers) -> int:
    """Send what models know of a library and what its viewers do; return how many interactions these are."""
    publish_supervised(source.supervised_messages(), settings.kafka)
    return publish_interactions(source, settings.kafka)


def with_worker(settings: Settings, **changes: Any) -> Settings:
    """Return settings with some of the worker's changed; the others stay as the environment has them."""
    return settings.model_copy(update={"worker": settings.worker.model_copy(update=changes)})


def at_any_pace(settings: Settings) -> Settings:
    """Return settings of a worker that watches how fast sessions are, and takes none for a bot.

    Where simulated interactions are sent at a rate, all happen when they are sent: sessions do in seconds what would take them an
    hour. A worker that took them for bots would compute its state anew, from the topic's beginning, beside all that is measured.
    """
    return with_worker(settings, max_interactions_per_minute=_ANY_PACE)
