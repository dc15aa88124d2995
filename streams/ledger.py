"""The ledger of a partition: up to which offsets its state is made, and what became of every message."""

from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from schemas.fusion import FusionRelease
from scoring.rates import RatePrior
from scoring.statistics import aggregation

LEDGER_VERSION: Final = 4
"""2 has the fields from `epoch` on, 3 those of the ranker, 4 those of the fusion; all of them are still read."""
BLOCK_OFFSETS: Final = 1 << 16


class LedgerPrior(BaseModel):
    """The prior of the rates, as numbers that survive JSON bit for bit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: list[list[float]]
    strength: list[float]
    fitted_offset: int

    @classmethod
    def of(cls, prior: RatePrior) -> "LedgerPrior":
        """Return a prior as it is kept in the ledger."""
        return cls(mean=prior.mean.tolist(), strength=prior.strength.tolist(), fitted_offset=prior.fitted_offset)

    def to_prior(self) -> RatePrior:
        """Return the prior."""
        return RatePrior(np.array(self.mean), np.array(self.strength), self.fitted_offset)


class Ledger(BaseModel):
    """What a partition has done with its source, up to and including `applied_offset`."""

    model_config = ConfigDict(extra="forbid")

    record_version: int = LEDGER_VERSION
    partition: int
    partitions: int
    fingerprint: str
    """Of the rules and the hash key that the state was made with."""
    first_offset: int = -1
    """First source offset that was consumed."""
    applied_offset: int = -1
    supervised_offset: int = -1
    applied: int = 0
    duplicates: int = 0
    searching: int = 0
    """Seeks among the applied that turned out to be searching."""
    dead_letters: dict[str, Annotated[int, Field(ge=1)]] = {}
    consecutive_dead_letters: int = 0
    """Dead letters in a row up to the applied offset."""
    missing: int = 0
    """Offsets passed over: the broker no longer had them, or they hold a transaction's marker."""
    consumed: int = 0
    """Messages read: applied + duplicates + excluded + dead letters."""
    newest_ms: int = -1
    segment: int = 0
    """Number of the newest segment."""
    prior: LedgerPrior
    epoch: int = 0
    """How often the state was computed anew from the source. Rows of a later epoch replace all those of an earlier one."""
    recent_block: int = -1
    """Block of BLOCK_OFFSETS offsets that `applied_offset` is in."""
    recent_messages: int = 0
    """Messages read of that block."""
    recent_dead_letters: int = 0
    """Dead letters among them."""
    excluded: int = 0
    exclusions_offset: int = -1
    """In topic exclusions, up to which the state was made without those whom it names."""
    republish: bool = False
    """The state has just taken another's place: all its rows are to be published, in an epoch later than that of any row."""
    records: int | None = None
    """Records of the changelog besides the ledger; None where version 1 did not tell."""
    ranker_release: str = ""
    """The release that the ranker scores are of; empty where there are none."""
    ranker_offset: int = -1
    """In topic ranker-scores, of the message that let it hold."""
    fusion: FusionRelease | None = None
    """The release that the scores are fused by, whole; None while none was sent, and the built-in fusion holds."""
    fusion_offset: int = -1
    """In topic fusion-releases, of its message."""

    def count(self, offsets: NDArray[np.int64], fates: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Count n >= 1 messages, the next ones of the source.

        Args:
            offsets: [n] rising, above `applied_offset`.
            fates: [n] of `scoring.statistics.aggregation`.

        Returns:
            The number of messages by fate.
        """
        counts = np.bincount(fates, minlength=aggregation.WAITING)
        self.consumed += len(fates)
        self.applied += int(counts[aggregation.APPLIED])
        self.duplicates += int(counts[aggregation.DUPLICATE])
        self.excluded += int(counts[aggregation.EXCLUDED])
        self._count_missing(offsets)
        self._count_consecutive(fates)
        self._count_recent(offsets, fates)
        self.applied_offset = int(offsets[-1])
        return counts

    def _count_missing(self, offsets: NDArray[np.int64]) -> None:
        if self.first_offset < 0:
            self.first_offset = int(offsets[0])
        else:
            self.missing += int(offsets[0]) - self.applied_offset - 1
        self.missing += int(offsets[-1] - offsets[0]) + 1 - len(offsets)

    def _count_consecutive(self, fates: NDArray[np.uint8]) -> None:
        good = np.flatnonzero(fates < aggregation.REJECTED)
        if len(good):
            self.consecutive_dead_letters = len(fates) - 1 - int(good[-1])
        else:
            self.consecutive_dead_letters += len(fates)

    def _count_recent(self, offsets: NDArray[np.int64], fates: NDArray[np.uint8]) -> None:
        """Count what the newest block of offsets holds: by offsets, so that the count does not depend on chunks."""
        block = int(offsets[-1]) // BLOCK_OFFSETS
        if block != self.recent_block:
            self.recent_block, self.recent_messages, self.recent_dead_letters = block, 0, 0
        recent = fates[int(offsets.searchsorted(block * BLOCK_OFFSETS)) :]
        self.recent_messages += len(recent)
        self.recent_dead_letters += int((recent >= aggregation.REJECTED).sum())
