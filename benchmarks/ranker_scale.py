"""What a library of half a million clips costs: pairs, graph, a training, and a scoring. Time and memory.

`python -m benchmarks.ranker_scale --clips 500000`
"""

import argparse
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from scoring.graph.combine import combine
from scoring.graph.neighbours import feature_similarity
from scoring.graph.sessions import co_session_votes, similarity_of
from scoring.pairs.build import ClipStatistics, build_pairs
from scoring.ranker.dataset import Library, RankedPairs, RankingDataset
from scoring.ranker.training import RankerConfig, train
from scoring.rates import fit_prior

_CLIPS_OF_A_VIDEO = 25
_FEATURES = 64
_NEIGHBOURS = 16


def main() -> None:
    """Measure each step once, in one process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=500_000)
    parser.add_argument("--sessions", type=int, default=400_000)
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()
    draw = np.random.default_rng(0)
    features = draw.normal(size=(arguments.clips, _FEATURES)).astype(np.float32)
    clips = _statistics(draw, features[:, 0])
    with _measured("pairs"):
        built = build_pairs(clips, fit_prior(clips.counts, clips.clip_index, 0))
        pairs = RankedPairs(built.preferred, built.other, built.confidence)
    with _measured("votes of sessions"):
        session = np.repeat(np.arange(arguments.sessions), _CLIPS_OF_A_VIDEO)
        start = np.repeat(draw.integers(0, arguments.clips - _CLIPS_OF_A_VIDEO, arguments.sessions), _CLIPS_OF_A_VIDEO)
        clip = start + np.tile(np.arange(_CLIPS_OF_A_VIDEO), arguments.sessions)
        votes = co_session_votes(session, clip, np.ones(len(clip), np.float32), arguments.clips)
    with _measured("neighbours in features"):
        near = feature_similarity(features, _NEIGHBOURS, seed=0)
    with _measured("graph"):
        library = Library(features, combine([(similarity_of(votes), 1.0), (near, 0.5)], _NEIGHBOURS))
    with _measured(f"training, {arguments.epochs} epochs, {len(pairs.preferred):,} pairs"):
        ranker = train(RankingDataset(library, pairs), RankerConfig(most_epochs=arguments.epochs), seed=0)
    with _measured("scoring"):
        ranker.score(library)


def _statistics(draw: np.random.Generator, worth: np.ndarray) -> ClipStatistics:
    clips = len(worth)
    video = np.arange(clips) // _CLIPS_OF_A_VIDEO
    counts = np.zeros((4, clips), np.uint32)
    counts[0] = draw.geometric(0.01, clips)
    for kind, sign in ((1, 1), (2, 1), (3, -1)):
        counts[kind] = draw.binomial(counts[0], 0.05 + 0.1 / (1 + np.exp(-sign * worth)))
    return ClipStatistics(video.astype(np.uint64), video % 20, np.arange(clips) % _CLIPS_OF_A_VIDEO, counts)


@contextmanager
def _measured(what: str) -> Iterator[None]:
    start, processor = time.perf_counter(), time.process_time()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    taken = time.perf_counter() - start
    used = time.process_time() - processor
    print(f"{what}: {taken:.1f} s ({used:.1f} s of processor); peak memory so far {peak:,.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
