"""The gate of fusions: whether a learned one may hold, by labelled clips of videos that it has not learned from.

It must order pairs of clips no worse than the built-in fusion, and no worse than the single signal that orders them best: a
fusion that a part of it beats is not worth having. The best signal is chosen on the very pairs, which favours it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.ranker.dataset import RankedPairs
from scoring.ranker.gate import LEAST_PAIRS, LEAST_VIDEOS, Accuracy, Comparison, compare, ordered_rightly

BUILT_IN_FUSION: Final = "the built-in fusion"


@dataclass(frozen=True)
class FusionVerdict:
    """What the gate has decided."""

    accepted: bool
    reason: str
    baselines: Mapping[str, Comparison]
    """The candidate beside the built-in fusion and the best single signal, by their names."""


def judge_fusion(
    candidate: NDArray[np.float64],
    built_in: NDArray[np.float64],
    singles: Mapping[str, NDArray[np.float64]],
    pairs: RankedPairs,
    video: NDArray[np.int64],
    seed: int,
) -> FusionVerdict:
    """Decide on a fusion.

    Args:
        candidate: [n] worth of all clips.
        built_in: [n] the same by the built-in fusion.
        singles: [n] the same by each signal alone, by its name.
        pairs: of held-out labelled clips.
        video: [n] number of each clip's video; videos are resampled.
        seed: of the resampling.
    """
    count, videos = len(pairs.preferred), len(np.unique(video[pairs.preferred]))
    if count < LEAST_PAIRS or videos < LEAST_VIDEOS:
        reason = (
            f"{count} held-out pairs of labelled clips of {videos} videos are too few: {LEAST_PAIRS} of {LEAST_VIDEOS} videos "
            "are needed, and one video in ten is held out: label clips of more videos"
        )
        return FusionVerdict(False, reason, {})
    best = max(singles, key=lambda name: _share(singles[name], pairs))
    rivals = {BUILT_IN_FUSION: built_in, f"{best} alone": singles[best]}
    baselines = {
        name: compare(candidate.astype(np.float32), worth.astype(np.float32), pairs, video, seed)
        for name, worth in rivals.items()
    }
    told = {name: (found.difference, found.refusal is not None) for name, found in baselines.items()}
    refusals = [f"worse than {name} by {_figures(by)}" for name, (by, refused) in told.items() if refused and by]
    passed = [f"beside {name} {_figures(by)}" for name, (by, _) in told.items() if by]
    return FusionVerdict(not refusals, "; ".join(refusals) or f"not worse: {', '.join(passed)}", baselines)


def _share(worth: NDArray[np.float64], pairs: RankedPairs) -> float:
    """Return the share of pairs ordered rightly, by confidence, ties half."""
    return float(np.average(ordered_rightly(worth, pairs), weights=pairs.confidence))


def _figures(by: Accuracy) -> str:
    return f"{by.mean:+.3f} ({by.low:+.3f} to {by.high:+.3f})"
