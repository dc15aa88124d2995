"""Words as features."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `training` is not installed")

from scoring.extraction.clip import Clip
from scoring.extraction.hashed_words import HashedWords


def _bag(words: str | None) -> np.ndarray | None:
    return HashedWords().features(Clip(None, None, words))


def test_case_and_order_do_not_count() -> None:
    """The same words are the same bag, of length 1."""
    one, other = _bag("Tor! Ein Tor, wie schön"), _bag("wie schön ein tor tor")
    assert one is not None
    assert one.shape == (256,)
    assert np.array_equal(one, other)
    assert np.linalg.norm(one) == pytest.approx(1)


def test_no_words_are_zeros_and_no_subtitles_are_missing() -> None:
    """That nobody speaks is known; what is said in a video without subtitles is not."""
    bag = _bag("")
    assert bag is not None
    assert not bag.any()
    assert _bag(None) is None
