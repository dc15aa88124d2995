"""What is learned from labels, beside its baselines: scores, tags, and both on one extractor.

Each seed draws its own sides where a data set has none, and its own start. Settings are chosen by held-out videos of the
learning side alone, for a method and for its baselines from equally many.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, Final, Protocol

import numpy as np

from scoring.evaluation.comparison import estimate, paired_difference
from scoring.evaluation.forest import Forest, forest_of
from scoring.evaluation.labelled import LabelledSet
from scoring.evaluation.report import Report, ReportRow
from scoring.supervised.clips import Floats, LabelledClips
from scoring.supervised.config import SupervisedConfig
from scoring.supervised.model import SupervisedModel
from scoring.supervised.network import ScoreHead, TagHead
from scoring.supervised.outputs import Outputs
from scoring.supervised.quality import macro_average_precision, squared_error
from scoring.supervised.reliability import COVERAGE, Z
from scoring.supervised.training import best_of, with_cross_fitted_reliability

Told = Callable[[str], None]


class Predictor(Protocol):
    """What was learned."""

    @property
    def parameters(self) -> float:
        """Number of learned weights; NaN where that says nothing."""

    def outputs(self, features: Floats) -> Outputs:
        """Return what it says of clips with features [n, d]."""


Learn = Callable[[LabelledClips, int], Sequence[Predictor]]
"""From clips and a seed to the models that share the work."""
Values = dict[tuple[str, str], list[float]]
"""Figures of the seeds by method and metric."""

SQUARED_ERROR: Final = "MSE, 0-10"
PRECISION: Final = "macro average precision, %"
COVERED: Final = f"coverage of {COVERAGE:.0%}"
WIDTH: Final = "width of the interval"
PARAMETERS: Final = "parameters"
MEAN_OF_SETS: Final = "mean of the sets"
_BETTER: Final = {SQUARED_ERROR: -1.0, PRECISION: 1.0}
"""Metrics that are compared, and the sign of better."""
_SIZES: Final = ((64, 0.5, 0.05), (128, 0.3, 0.05), (256, 0.5, 0.05), (512, 0.6, 1.0))
"""Hidden units, dropout and weight decay that are tried."""


@dataclass(frozen=True)
class Method:
    """A way to learn, the choice among settings included."""

    name: str
    learn: Learn


def label_distribution(sets: Iterable[LabelledSet], seeds: int, told: Told) -> Report:
    """Compare label distribution learning with regression and with cross-entropy over bins."""
    head = ScoreHead.DISTRIBUTION
    ours = [
        replace(config, expectation_weight=weight)
        for config, weight in product(_configs(score_head=head, tag_head=None)[1:3], (0.0, 1.0))
    ]
    methods = [
        Method(ScoreHead.REGRESSION, partial(_calibrated, _configs(score_head=ScoreHead.REGRESSION, tag_head=None))),
        Method(ScoreHead.CLASSES, partial(_calibrated, _configs(score_head=ScoreHead.CLASSES, tag_head=None))),
        Method(head, partial(_calibrated, ours)),
        _FOREST,
    ]
    notes = (
        f"coverage: share of held-out labels within the {COVERAGE:.0%} interval, whose width is fitted on the learning side.",
        "by: how much lower the squared error is.",
    )
    return compare("Scores as label distributions", sets, methods, seeds, (SQUARED_ERROR, COVERED, WIDTH), notes, told)


def tags(sets: Iterable[LabelledSet], seeds: int, told: Told) -> Report:
    """Compare C2AE joined with binary cross-entropy with binary cross-entropy alone."""
    heads = (TagHead.INDEPENDENT, TagHead.CORRELATED)
    methods = [*(Method(head, partial(_one, _configs(score_head=None, tag_head=head))) for head in heads), _FOREST]
    notes = ("Tags that all or no clips of the test have are left out. by: points of average precision.",)
    return compare("Correlated tags", sets, methods, seeds, (PRECISION,), notes, told)


def multitask(sets: Iterable[LabelledSet], seeds: int, told: Told) -> Report:
    """Compare one extractor for both tasks with a network for each."""
    methods = [
        Method("two networks", partial(_apart, _configs())),
        Method("shared, tasks alike", partial(_one, _configs(balanced=False))),
        Method("shared, weighed by noise", partial(_one, _configs())),
        _FOREST,
    ]
    notes = (
        "two networks: one for the score and one for the tags, each with its own choice among the same settings.",
        "parameters: all that are learned, those included that only training needs.",
    )
    return compare("One extractor for scores and tags", sets, methods, seeds, (SQUARED_ERROR, PRECISION, PARAMETERS), notes, told)


def _configs(**fixed: Any) -> list[SupervisedConfig]:
    return [SupervisedConfig(hidden=hidden, dropout=dropout, weight_decay=decay, **fixed) for hidden, dropout, decay in _SIZES]


def _one(configs: Sequence[SupervisedConfig], clips: LabelledClips, seed: int) -> list[SupervisedModel]:
    return [best_of(clips, configs, seed)[0]]


def _calibrated(configs: Sequence[SupervisedConfig], clips: LabelledClips, seed: int) -> list[SupervisedModel]:
    return [with_cross_fitted_reliability(*best_of(clips, configs, seed), clips, seed)]


def _apart(configs: Sequence[SupervisedConfig], clips: LabelledClips, seed: int) -> list[SupervisedModel]:
    of_scores = [replace(config, tag_head=None) for config in configs]
    of_tags = [replace(config, score_head=None) for config in configs]
    return _one(of_scores, clips, seed) + _one(of_tags, clips, seed)


def _forest(clips: LabelledClips, seed: int) -> list[Forest]:
    return [forest_of(clips, seed)]


_FOREST: Final = Method("random forest", _forest)


def compare(
    title: str, sets: Iterable[LabelledSet], methods: Sequence[Method], seeds: int, shown: Sequence[str],
    notes: tuple[str, ...], told: Told,
) -> Report:  # fmt: skip
    """Return the rows of all data sets, and of their mean where there are several; the first method is the others' baseline."""
    rows: list[ReportRow] = []
    of_sets: list[Values] = []
    for labelled in sets:
        values: Values = {}
        for seed, method in product(range(seeds), methods):
            told(f"{labelled.name}: {method.name}, seed {seed + 1} of {seeds}")
            learned, test = labelled.sides(seed)
            found = metrics_of(method.learn(learned, seed), test)
            for metric in shown:
                values.setdefault((method.name, metric), []).append(found.get(metric, float("nan")))
        rows += _rows(labelled.name, values, methods[0].name)
        of_sets.append(values)
    if len(of_sets) > 1:
        means = {key: np.mean([values[key] for values in of_sets], axis=0).tolist() for key in of_sets[0]}
        rows += _rows(MEAN_OF_SETS, means, methods[0].name)
    return Report(title, seeds, notes, tuple(rows))


def metrics_of(models: Sequence[Predictor], test: LabelledClips) -> dict[str, float]:
    """Return every metric that the models' heads and the test's labels allow."""
    found = {PARAMETERS: float(sum(model.parameters for model in models))}
    for outputs in (model.outputs(test.features) for model in models):
        if outputs.mean is not None and test.scored.any():
            found[SQUARED_ERROR] = squared_error(outputs.mean, test)
            if outputs.sd is not None:
                half = Z * outputs.sd[test.scored]
                within = np.abs(outputs.mean - test.score)[test.scored] <= half
                found |= {COVERED: float(within.mean()), WIDTH: float(2 * half.mean())}
        if outputs.tags is not None and test.tagged.any():
            found[PRECISION] = 100 * macro_average_precision(outputs.tags, test)
    return found


def _rows(name: str, values: Values, baseline: str) -> Iterator[ReportRow]:
    for (method, metric), found in values.items():
        value = estimate(np.array(found))
        if value is None:
            continue
        if method == baseline or metric not in _BETTER:
            yield ReportRow(name, method, metric, value)
        else:
            of_both = (_BETTER[metric] * np.array(found), _BETTER[metric] * np.array(values[baseline, metric]))
            yield ReportRow(name, method, metric, value, baseline, paired_difference(*of_both))
