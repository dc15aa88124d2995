"""What a ranker learns from and scores: features, graph, and pairs of a snapshot."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from scoring.graph.adjacent import adjacent_clips
from scoring.graph.combine import combine
from scoring.graph.neighbours import feature_similarity
from scoring.graph.sessions import co_session_votes, similarity_of
from scoring.pairs.build import Pairs
from scoring.pairs.candidates import candidates_by
from scoring.pairs.confidence import Worth, confidence_of, probability_above
from scoring.ranker.dataset import Library, RankedPairs
from scoring.splits import Split, split_of
from streams.learning.snapshot import LABEL_COLUMNS, Snapshot, features
from streams.learning.viewing import Viewing

_SESSIONS, _ADJACENT, _FEATURES = 1.0, 1.0, 0.5
_NEIGHBOURS: Final = 16
LABEL_DISTANCES: Final = 4


def library_of(snapshot: Snapshot, seen: Viewing, columns: Sequence[str], seed: int) -> Library:
    """Return the library of a snapshot, with these columns as features.

    Clips are alike that the same sessions watched or shared, that follow each other, and whose features are near.
    """
    values = features(snapshot, columns)
    return Library(values, graph_of(snapshot, seen, values, seed))


def graph_of(snapshot: Snapshot, seen: Viewing, values: NDArray[np.float32], seed: int) -> csr_array:
    """Return the graph of similar clips."""
    votes = co_session_votes(seen.session, seen.clip, seen.weight, snapshot.clips)
    kinds = [
        (similarity_of(votes), _SESSIONS),
        (adjacent_clips(snapshot.video, snapshot.clip_index), _ADJACENT),
        (feature_similarity(_as_models_see(values), _NEIGHBOURS, seed), _FEATURES),
    ]
    return combine(kinds, _NEIGHBOURS)


def _as_models_see(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the features that likeness goes by: zeros, near nothing, where only a clip's place in its video is known."""
    return np.where(np.isnan(values).any(axis=1, keepdims=True), np.float32(0), values)


def ranked_pairs(snapshot: Snapshot, pairs: Pairs, split: Split) -> RankedPairs:
    """Return the pairs whose clips are both of videos on one side."""
    side = split_of(snapshot.videos)[snapshot.video]
    inside = (side[pairs.preferred] == split) & (side[pairs.other] == split)
    return RankedPairs(pairs.preferred, pairs.other, pairs.confidence).take(inside)


def labelled_pairs(snapshot: Snapshot, library: Library, columns: Sequence[str], split: Split) -> RankedPairs:
    """Return pairs of labelled clips, of one video each, of the videos on one side: what supervised models say of them.

    The confidence is that of two Gaussian opinions, `2 * |P(one is above the other) - 1/2|`.
    """
    mean, sd = (library.features[:, columns.index(name)].astype(np.float64) for name in LABEL_COLUMNS)
    mean = np.where(split_of(snapshot.videos)[snapshot.video] == split, mean, np.nan)
    better, worse = candidates_by(mean, snapshot.video, LABEL_DISTANCES)
    confidence = confidence_of(probability_above(Worth(mean, sd**2), better, worse))
    return RankedPairs(better, worse, confidence).take(confidence > 0)
