"""What a state's numbers depend on, besides its source."""

from hashlib import blake2b
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from schemas.hashing import hash_key
from scoring.statistics.aggregation import Rules
from streams.settings import Settings


class StateKey(NamedTuple):
    """What makes a state's numbers: only state made under the same is read again."""

    rules: Rules
    hash_key: NDArray[np.uint64]
    max_message_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what state made under these settings depends on."""
        statistics = settings.statistics
        rules = Rules(
            half_life_ms=int(statistics.half_life_hours * 3_600_000),
            session_window_ms=int(statistics.session_window_hours * 3_600_000),
            max_clock_skew_ms=int(statistics.max_clock_skew_minutes * 60_000),
        )
        secret = blake2b(settings.hash_secret.get_secret_value().encode(), digest_size=16).digest()
        return cls(rules, hash_key(secret), settings.worker.max_message_bytes)

    @property
    def fingerprint(self) -> str:
        """A short text that differs when any of it does."""
        content = repr((tuple(self.rules), self.hash_key.tolist(), self.max_message_bytes))
        return blake2b(content.encode(), digest_size=8).hexdigest()
