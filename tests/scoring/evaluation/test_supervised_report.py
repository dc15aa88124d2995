"""The comparison of what is learned from labels with its baselines."""

import pytest

pytest.importorskip("torch", reason="the extra `training` is not installed")

from scoring.evaluation.labelled import LabelledSet
from scoring.evaluation.report import ReportRow
from scoring.evaluation.supervised import MEAN_OF_SETS, PARAMETERS, SQUARED_ERROR, Method, compare
from scoring.supervised.config import SupervisedConfig
from scoring.supervised.training import train
from tests.scoring.supervised.planted import planted


def _compared(sets: int) -> list[ReportRow]:
    config = SupervisedConfig(hidden=8, latent=2, most_epochs=1)
    methods = [Method(name, lambda clips, seed: [train(clips, config, seed)]) for name in ("one", "same")]
    of = [LabelledSet(f"set {number}", planted(videos=12, seed=number), None) for number in range(sets)]
    return list(compare("Title", of, methods, 2, (SQUARED_ERROR, PARAMETERS), (), lambda _: None).rows)


def test_every_figure_stands_beside_the_baseline_of_the_same_seeds() -> None:
    """A method that is the baseline under another name differs from it by nothing; parameters are not compared."""
    rows = _compared(sets=1)
    assert [(row.method, row.metric, row.baseline) for row in rows] == [
        ("one", SQUARED_ERROR, None), ("one", PARAMETERS, None), ("same", SQUARED_ERROR, "one"), ("same", PARAMETERS, None),
    ]  # fmt: skip
    advantage = rows[2].advantage
    assert advantage is not None
    assert (advantage.difference.low, advantage.difference.high, advantage.seeds) == (0, 0, 2)


def test_several_sets_have_a_mean() -> None:
    """Seed by seed, so that it has an interval of its own."""
    of = {row.setting: row.value.mean for row in _compared(sets=2) if (row.method, row.metric) == ("one", SQUARED_ERROR)}
    assert of[MEAN_OF_SETS] == pytest.approx((of["set 0"] + of["set 1"]) / 2)
