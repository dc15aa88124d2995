"""A report of an evaluation: rows of one figure each, beside the baseline that it is compared with."""

from dataclasses import dataclass

from scoring.evaluation.comparison import Estimate, PairedDifference


@dataclass(frozen=True)
class ReportRow:
    """One figure."""

    setting: str
    """Data and conditions, in words."""
    method: str
    metric: str
    value: Estimate
    baseline: str | None = None
    """Method that it is compared with, under the same seeds."""
    advantage: PairedDifference | None = None
    """How much better than the baseline: positive is better, also where a smaller figure is better."""


@dataclass(frozen=True)
class Report:
    """What an evaluation found."""

    title: str
    seeds: int
    notes: tuple[str, ...]
    """What a reader must know to trust the figures: splits, what is not compared, what was left out."""
    rows: tuple[ReportRow, ...]
