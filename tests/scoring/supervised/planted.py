"""Labelled clips whose truth is known."""

import numpy as np

from scoring.supervised.clips import LabelledClips


def planted(videos: int = 60, clips: int = 10, seed: int = 0) -> LabelledClips:
    """Return clips whose first feature tells the score and whose second the tags; a third of them lack the second group."""
    rng = np.random.default_rng(seed)
    count = videos * clips
    features = rng.normal(size=(count, 6)).astype(np.float32)
    score = np.clip(5 + 1.5 * features[:, 0] + rng.normal(0, 0.5, count), 0, 10).astype(np.float32)
    tags = (features[:, [1, 1, 2]] > [0.5, 0.3, 0.8]).astype(np.float32)
    features[rng.random(count) < 1 / 3, 3:] = np.nan
    score[rng.random(count) < 0.1] = np.nan
    tags[rng.random(count) < 0.1] = np.nan
    spread = np.full(count, 0.5, np.float32)
    return LabelledClips(features, {"visual": 3, "audio": 3}, score, spread, tags, ("a", "b", "c"), np.arange(count) // clips)
