"""The comparison of what is learned from labels with its baselines."""

import numpy as np
import pytest

pytest.importorskip("torch")

from scoring.evaluation.labelled import LabelledSet
from scoring.evaluation.supervised import ONE_SIZE, PARAMETERS, Method, compare
from scoring.supervised.config import SupervisedConfig
from scoring.supervised.network import ScoreHead, SupervisedNetwork, SupervisedShape, TagHead
from scoring.supervised.training import train
from tests.scoring.supervised.planted import planted


def _parameters(score_head: ScoreHead | None, tag_head: TagHead | None) -> int:
    shape = SupervisedShape((150,), 18, score_head, tag_head, **ONE_SIZE)
    return sum(weights.numel() for weights in SupervisedNetwork(shape).parameters())


def test_one_extractor_has_half_the_parameters_of_two() -> None:
    """At most 52 % with MovieLens' sizes, though all is counted that only training needs: heads read a narrow embedding."""
    apart = _parameters(ScoreHead.DISTRIBUTION, None) + _parameters(None, TagHead.CORRELATED)
    assert _parameters(ScoreHead.DISTRIBUTION, TagHead.CORRELATED) <= 0.52 * apart


def test_every_figure_stands_beside_the_baseline_of_the_same_seeds() -> None:
    """A method that is the baseline under another name differs from it by nothing; parameters are not compared."""
    config = SupervisedConfig(hidden=8, embedding=8, latent=2, most_epochs=1)
    methods = [Method(name, [config], lambda configs, clips, seed: [train(clips, configs[0], seed)]) for name in ("one", "same")]
    sets = [LabelledSet("planted", planted(videos=12), None)]
    rows = compare("Title", sets, methods, 2, ("MSE, 0-10", PARAMETERS), (), lambda _: None).rows
    assert [(row.method, row.metric, row.baseline) for row in rows] == [
        ("one", "MSE, 0-10", None), ("one", PARAMETERS, None), ("same", "MSE, 0-10", "one"), ("same", PARAMETERS, None),
    ]  # fmt: skip
    advantage = rows[2].advantage
    assert advantage is not None
    assert (advantage.difference.low, advantage.difference.high, advantage.seeds) == (0, 0, 2)
    assert all(np.isfinite(row.value.mean) for row in rows)
