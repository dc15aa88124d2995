"""What has become of a ranker is told; a training that left none is no result."""

from pathlib import Path

import pytest

from benchmarks.ranker_gain import outcome
from streams.settings import Settings


def test_a_training_that_failed_is_an_error(tmp_path: Path) -> None:
    """Where there is no release, nothing was learned, and nothing is compared."""
    with pytest.raises(RuntimeError, match="the training has failed"):
        outcome(Settings(data_dir=tmp_path))
