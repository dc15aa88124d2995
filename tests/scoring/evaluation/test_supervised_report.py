"""The comparison of what is learned from labels with its baselines."""

import pytest

pytest.importorskip("torch")

from scoring.evaluation.labelled import LabelledSet
from scoring.evaluation.report import ReportRow
from scoring.evaluation.supervised import MEAN_OF_SETS, ONE_SIZE, PARAMETERS, SQUARED_ERROR, Method, compare
from scoring.supervised.config import SupervisedConfig
from scoring.supervised.network import ScoreHead, SupervisedNetwork, SupervisedShape, TagHead
from scoring.supervised.training import train
from tests.scoring.supervised.planted import planted


def _parameters(score_head: ScoreHead | None, tag_head: TagHead | None) -> int:
    shape = SupervisedShape((150,), 18, score_head, tag_head, ONE_SIZE.hidden, ONE_SIZE.embedding, ONE_SIZE.latent)
    return sum(weights.numel() for weights in SupervisedNetwork(shape).parameters())


def test_one_extractor_has_half_the_parameters_of_two() -> None:
    """At most 52 % with MovieLens' sizes, though all is counted that only training needs: heads read a narrow embedding."""
    apart = _parameters(ScoreHead.DISTRIBUTION, None) + _parameters(None, TagHead.CORRELATED)
    assert _parameters(ScoreHead.DISTRIBUTION, TagHead.CORRELATED) <= 0.52 * apart


def _compared(sets: int) -> list[ReportRow]:
    config = SupervisedConfig(hidden=8, embedding=8, latent=2, most_epochs=1)
    methods = [Method(name, [config], lambda configs, clips, seed: [train(clips, configs[0], seed)]) for name in ("one", "same")]
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
