"""What of a measured time was beside a training."""

import pytest

from benchmarks.rate_while_retraining import share_within


@pytest.mark.parametrize(
    ("trainings", "share"),
    [
        ([], 0.0),
        ([(90.0, 130.0)], 1.0),
        ([(90.0, 105.0)], 0.5),
        ([(80.0, 90.0), (102.0, 104.0), (105.0, 106.0), (109.0, 200.0)], 0.4),
    ],
)
def test_the_parts_of_trainings_that_lie_within_count(trainings: list[tuple[float, float]], share: float) -> None:
    """Before, behind and between there was none."""
    assert share_within((100.0, 110.0), trainings) == pytest.approx(share)
