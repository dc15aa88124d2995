"""How good outputs are."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from scoring.supervised.outputs import Outputs
from scoring.supervised.quality import average_precision, quality_of
from tests.scoring.supervised.planted import planted


@pytest.mark.parametrize("levels", [1, 3, 1_000_000])
def test_average_precision_is_that_of_scikit_learn(levels: int) -> None:
    """For every tag, also where many clips are equally probable."""
    draw = np.random.default_rng(levels)
    tags = (draw.random((50, 7)) < 0.3).astype(np.float32)
    probability = (draw.integers(0, levels, tags.shape) / levels).astype(np.float32)
    expected = average_precision_score(tags, probability, average=None)
    np.testing.assert_allclose(average_precision(tags, probability), expected)


def test_scores_that_do_not_differ_count_by_the_variance_that_was_learned_from() -> None:
    """By their own, which is nothing, half a point of error would be beyond all measure; where no score differs, none counts."""
    clips = replace(planted(videos=2), score=np.full(20, 7.3, np.float32))
    said = Outputs(clips.score + np.float32(0.5), None, None)
    assert quality_of(said, clips, score_variance=2.0) == pytest.approx(1 - 0.25 / 2)
    assert quality_of(said, clips) == quality_of(said, clips, score_variance=0.0) == 0
