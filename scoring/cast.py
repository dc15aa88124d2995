"""How important the people are who are seen in a clip.

Each person who is seen makes the clip important on his own with the chance `importance * share of the clip that he is seen`,
independently of the others (noisy or, Pearl 1988): so one star counts for more than many extras, and nothing exceeds 1.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from schemas.limits import CLIP_SECONDS


class Appearance(NamedTuple):
    """A person who is seen from one second of a video up to another."""

    person: str
    importance: float
    """0-1."""
    from_s: float
    to_s: float


def clip_importance(appearances: Iterable[Appearance]) -> dict[int, float]:
    """Return the importance of each clip in which somebody is seen, 0-1, by clip index.

    Times of one person that overlap count up to the whole clip, and the highest of his importances.
    """
    seen: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    importance: dict[str, float] = defaultdict(float)
    for person, value, from_s, to_s in appearances:
        importance[person] = max(importance[person], value)
        for clip in range(int(from_s // CLIP_SECONDS), int(-(-to_s // CLIP_SECONDS))):
            start = clip * CLIP_SECONDS
            seen[clip][person] += (min(to_s, start + CLIP_SECONDS) - max(from_s, start)) / CLIP_SECONDS
    return {
        clip: _any_of(importance[person] * min(1.0, share) for person, share in people.items()) for clip, people in seen.items()
    }


def _any_of(chances: Iterable[float]) -> float:
    none = 1.0
    for chance in chances:
        none *= 1.0 - chance
    return 1.0 - none
