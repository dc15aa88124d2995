"""A library with behaviour, models' and a ranker's opinions, and people's labels."""

import numpy as np
from numpy.typing import NDArray

from scoring.fusion import Signals
from scoring.learned_fusion.fit import fit_fusion
from scoring.learned_fusion.lesson import Lesson, lesson_of
from scoring.learned_fusion.live import SIGNALS, signal_table
from scoring.learned_fusion.model import FusionModel
from scoring.rates import first_prior


def labelled_library(clips: int, seed: int) -> tuple[Signals, NDArray[np.float64]]:
    """Return the signals of n clips, a third of them unknown to models, and their worth on 0-10."""
    rng = np.random.default_rng(seed)
    label = np.clip(rng.normal(5, 2, clips), 0, 10)
    exposures = rng.integers(0, 200, clips)
    rates = 0.3 / (1 + np.exp([5 - label, 5 - label, label - 5]))
    sessions = np.stack([exposures, *rng.binomial(exposures, rates)]).astype(np.float64)
    mean = np.where(rng.random(clips) < 1 / 3, np.nan, label + rng.normal(0, 1.5, clips))
    sd = np.where(np.isnan(mean), np.nan, 1.5)
    ranker = label + rng.normal(0, 1.2, clips)
    return Signals(np.arange(clips) % 40, sessions, mean, sd, rng.random(clips), ranker, np.full(clips, 1.2)), label


def library_lesson(clips: int, seed: int) -> Lesson:
    """Return what the labels of a library of videos of ten clips teach."""
    signals, label = labelled_library(clips, seed)
    return lesson_of(signal_table(signals, first_prior()), label, np.arange(clips) // 10)


def learned(seed: int = 0) -> FusionModel:
    """Return a fusion of 2,000 labelled clips."""
    return fit_fusion(library_lesson(2_000, seed), SIGNALS)
