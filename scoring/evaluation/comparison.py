"""Figures of several seeds as a mean with its interval."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr, t


@dataclass(frozen=True)
class Estimate:
    """A mean and its 95 % interval (Student's t); None where a single value gives none."""

    mean: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        """Return the mean with half the interval's width."""
        return f"{self.mean:.3f}" if self.high is None else f"{self.mean:.3f} ±{self.high - self.mean:.3f}"


@dataclass(frozen=True)
class PairedDifference:
    """Differences of two methods, seed by seed."""

    difference: Estimate
    wins: int
    """Seeds with a difference above 0."""
    seeds: int

    def __str__(self) -> str:
        """Return the difference, its interval and the seeds won."""
        return f"{self.difference} {self.wins}/{self.seeds}"


def estimate(values: NDArray[np.float64]) -> Estimate | None:
    """Return the estimate of n values, NaN left out; None where there are none."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    mean = float(known.mean())
    if len(known) == 1:
        return Estimate(mean, None, None)
    half = float(t.ppf(0.975, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))
    return Estimate(mean, mean - half, mean + half)


def paired_difference(values: NDArray[np.float64], baseline: NDArray[np.float64]) -> PairedDifference:
    """Return by how much a method beats its baseline.

    Args:
        values: [seeds] of the method, at least two.
        baseline: [seeds] of the baseline under the same seeds.

    Raises:
        ValueError: no seed has both values.
    """
    differences = values - baseline
    over_seeds = estimate(differences)
    if over_seeds is None:
        raise ValueError("no seed has both values")
    return PairedDifference(over_seeds, int((differences > 0).sum()), len(differences))


def tau(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return Kendall's tau-b; 0 where one side says the same of every clip, which is to say nothing."""
    return float(np.nan_to_num(kendalltau(one, other).statistic)) if np.ptp(one) and np.ptp(other) else 0.0


def rho(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return Spearman's rho; 0 where one side says the same of every clip."""
    return float(spearmanr(one, other).statistic) if np.ptp(one) and np.ptp(other) else 0.0
