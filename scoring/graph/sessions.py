"""Clips that the same sessions shared or watched: how often, and how much more often than their popularity explains.

Every session spreads one vote per clip over the other clips that it holds (Newman 2001, "Scientific collaboration
networks II"), so that one sitting of a thousand clips does not outvote a thousand sittings. Votes add up: those of new
sessions are counted alone and added to the ones there are.
"""

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array

LONGEST_SESSION: Final = 1_000
"""Clips. Of a longer session those of most weight count: its pairs would grow with the square of its length."""

_CLIPS_AT_ONCE: Final = 2_000_000


def co_session_votes(session: NDArray[np.int64], clip: NDArray[np.int64], weight: NDArray[np.float32], clips: int) -> csr_array:
    """Return how much sessions join clips, [clips, clips], symmetric, without a diagonal.

    `votes(i, j) = sum over sessions of weight(s, i) * weight(s, j) / (clips of s - 1)`. The votes of two sets of sessions
    that have no session in common are the sum of each set's votes.

    Args:
        session: [m] number of the session, any order.
        clip: [m] row of the clip; a session names a clip once.
        weight: [m] above 0; how much the session's interest in the clip counts, 1 for a share.
        clips: how many rows there are.
    """
    order = np.lexsort((clip, -weight, session))
    session, clip, weight = session[order], clip[order], weight[order]
    starts = np.flatnonzero(np.diff(session, prepend=session[:1] - 1))
    place = np.arange(len(session)) - np.repeat(starts, np.diff(starts, append=len(session)))
    kept = place < LONGEST_SESSION
    session, clip, weight = np.cumsum(place == 0)[kept] - 1, clip[kept], weight[kept].astype(np.float32)
    votes = csr_array((clips, clips), dtype=np.float32)
    for part in _parts(session):
        votes = votes + _votes(session[part] - session[part.start], clip[part], weight[part], clips)
    return votes


def _parts(session: NDArray[np.int64]) -> list[slice]:
    """Return slices of whole sessions, so that what is multiplied at once stays small."""
    cuts = np.searchsorted(session, session[_CLIPS_AT_ONCE::_CLIPS_AT_ONCE])
    borders = np.unique([0, *cuts, len(session)]).tolist()
    return [slice(start, stop) for start, stop in pairwise(borders)]


def _votes(session: NDArray[np.int64], clip: NDArray[np.int64], weight: NDArray[np.float32], clips: int) -> csr_array:
    sizes = np.bincount(session)
    held = csr_array(coo_array((weight, (session, clip)), shape=(len(sizes), clips)))
    share = diags_array((1 / np.maximum(sizes - 1, 1)).astype(np.float32))
    votes = csr_array(held.T @ (share @ held))
    votes.setdiag(0)
    votes.eliminate_zeros()
    return votes


def similarity_of(votes: csr_array, shrinkage: float = 1.0) -> csr_array:
    """Return votes over the geometric mean of both clips' totals, which popularity cancels out of.

    Args:
        votes: as from `co_session_votes`.
        shrinkage: votes that each clip is given in addition, to no other; so that a clip of one session is not the nearest.
    """
    scale = diags_array((1 / np.sqrt(votes.sum(axis=1) + shrinkage)).astype(np.float32))
    return csr_array(scale @ votes @ scale)
