"""The findings about rankers as rows of a report."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.evaluation.comparison import estimate, paired_difference
from scoring.evaluation.ranking import Findings
from scoring.evaluation.ranking_conditions import BOTH, MIDDLE_SHARE, PLAIN, Condition, Method, words_of
from scoring.evaluation.report import Report, ReportRow

Taus = Mapping[tuple[Condition, Method], list[float]]

MOST_COMPARED: Final = 0.3
"""Part of turned pairs at which the loss of accuracy is reported."""

_NOTES: Final = (
    "tau: Kendall's tau-b with the mean opinion of the judges, half of the viewers, of whom nothing else is used; per list of",
    "clips that are ranked together, mean over lists; clips with at least 5 judges. Compared with plain under the same",
    "condition; with labels, with both. Where clips are labelled, by viewers who are not judges, the others are judged.",
    "calibration: is a pair as often in the order of the judges' likings as its confidence says? At least 10 judges of each",
    "clip, ties left out. Raw, the judges' noise counts against the pair; predicted, against the chance that a sample of so",
    "many judges shows that order.",
)


def report_of(findings: Mapping[str, Findings], seeds: int) -> Report:
    """Return the report of data sets' findings, by name."""
    rows = [
        row
        for name, found in findings.items()
        for part in (_tau_rows, _loss_rows, _calibration_rows)
        for row in part(name, found)
    ]
    return Report("Rankers that learn from few viewers", seeds, _NOTES, tuple(rows))


def _tau_rows(name: str, found: Findings) -> Iterator[ReportRow]:
    for (condition, method), values in found.tau.items():
        baseline = BOTH if method.labels else PLAIN
        compared = None if method == PLAIN else (baseline, np.array(found.tau[condition, baseline]))
        yield _row(f"{name}, {words_of(condition)}", method, "tau", np.array(values), compared)


def _loss_rows(name: str, found: Findings) -> Iterator[ReportRow]:
    """Yield what each method loses when pairs are turned round: a smaller loss is better."""
    setting = f"{name}, {MIDDLE_SHARE:.0%} of viewers, 0 to {MOST_COMPARED:.0%} of pairs turned round"
    turned = Condition(MIDDLE_SHARE, MOST_COMPARED)
    losses = {method: _lost(found.tau, method, turned) for condition, method in found.tau if condition == turned}
    for method, values in losses.items():
        yield _row(setting, method, "tau lost", values, None if method == PLAIN else (PLAIN, losses[PLAIN]), sign=-1)


def _lost(taus: Taus, method: Method, turned: Condition) -> NDArray[np.float64]:
    lost: NDArray[np.float64] = np.subtract(taus[turned._replace(wrong=0.0), method], taus[turned, method])
    return lost


def _calibration_rows(name: str, found: Findings) -> Iterator[ReportRow]:
    for (condition, metric), values in found.calibration.items():
        value = estimate(np.array(values))
        if value:
            yield ReportRow(f"{name}, {words_of(condition)}", "pairs", metric, value)


def _row(
    setting: str,
    method: Method,
    metric: str,
    values: NDArray[np.float64],
    baseline: tuple[Method, NDArray[np.float64]] | None,
    sign: int = 1,
) -> ReportRow:
    value = estimate(values)
    if value is None:
        message = f"{setting}, {method.name}: no seed has a value"
        raise ValueError(message)
    if baseline is None:
        return ReportRow(setting, method.name, metric, value)
    return ReportRow(setting, method.name, metric, value, baseline[0].name, paired_difference(sign * values, sign * baseline[1]))
