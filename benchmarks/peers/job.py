"""The job that all peers do, event by event in plain Python: statistics and scores by the rules of `scoring`.

Tests hold its counts and scores to ours. Not in it: supervised outputs and ranker, fitting the prior, dead letters, forgetting
old sessions. A peer that did these as well would be slower.
"""

import math
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

KINDS: Final = ("play", "share", "rewind", "fast_forward")
PLAY, SHARE, REWIND, FAST_FORWARD = range(4)
COLUMNS: Final = "video_id, clip_index, score, score_low, score_high, exposures, shares, rewinds, fast_forwards, version"

_CODES: Final = {kind: code for code, kind in enumerate(KINDS)}
_CLIP_MS: Final = 10_000
_MIN_DWELL_MS: Final = 3_000
_HALF_LIFE_MS: Final = 72 * 3_600_000
_LANDMARK_MS: Final = 1_790_000_000_000
_MIDDLE, _SPREAD, _NOTHING_KNOWN_SD, _STRENGTH = 5.0, 2.0, 2.5, 50.0
_SIGNALS: Final = ((SHARE, 1.0, 0.6, 0.02), (REWIND, 1.0, 0.5, 0.05), (FAST_FORWARD, -1.0, 0.4, 0.10))
"""Kind, sign, correlation with worth, usual rate."""
_HALF_WIDTH: Final = 1.6448536269514722

Session = list[Any]
"""What one session has done in one video: a bit per clip for each kind, then the seek that waits, or None."""

Clip = list[Any]
"""Distinct sessions of each kind, their decayed sums, and the time of the newest event."""


class Count(NamedTuple):
    """One session is to be counted for some clips."""

    kind: int
    clips: list[int]
    time_ms: int


def new_session() -> Session:
    """Return a session that has done nothing."""
    return [0, 0, 0, 0, None]


def new_clip() -> Clip:
    """Return a clip that nobody has watched."""
    return [0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0]


def interact(session: Session, event: dict[str, Any]) -> list[Count]:
    """Note an interaction in its session; return what is to be counted."""
    kind, time_ms = _CODES[event["kind"]], event["occurred_at_ms"]
    from_ms, to_ms = round(event["from_s"] * 1000), round(event["to_s"] * 1000)
    waiting, counts = session[4], []
    if waiting and time_ms >= waiting[3] + _MIN_DWELL_MS:
        counts += _distinct(session, *waiting)
        session[4] = None
    elif waiting and kind >= REWIND and time_ms < waiting[3]:
        return counts
    if kind >= REWIND:
        session[4] = (kind, from_ms, to_ms, time_ms)
    else:
        counts += _distinct(session, kind, from_ms, to_ms, time_ms)
    return counts


def _distinct(session: Session, kind: int, from_ms: int, to_ms: int, time_ms: int) -> list[Count]:
    clips = [clip for clip in _clips_of(kind, from_ms, to_ms) if not session[kind] >> clip & 1]
    for clip in clips:
        session[kind] |= 1 << clip
    return [Count(kind, clips, time_ms)] if clips else []


def _clips_of(kind: int, from_ms: int, to_ms: int) -> Iterable[int]:
    if kind == REWIND:
        return (to_ms // _CLIP_MS,)
    first, end = -((_CLIP_MS // 2 - from_ms) // _CLIP_MS), -((_CLIP_MS // 2 - to_ms) // _CLIP_MS)
    if kind == SHARE and end <= first:
        return ((from_ms + to_ms) // 2 // _CLIP_MS,)
    return range(first, end)


def add(clip: Clip, kind: int, time_ms: int) -> None:
    """Count one session for a clip."""
    clip[kind] += 1
    clip[4 + kind] += 2.0 ** ((time_ms - _LANDMARK_MS) / _HALF_LIFE_MS)
    clip[8] = max(clip[8], time_ms)


def row(video_id: str, clip_index: int, clip: Clip, version: int) -> tuple[Any, ...]:
    """Return the row to publish, in the order of COLUMNS."""
    return (video_id, clip_index, *score(clip), *clip[:4], version)


def score(clip: Clip) -> tuple[float, float, float]:
    """Return (score, low, high): the fusion of `scoring.fusion` where behaviour is all that is known."""
    decay = 2.0 ** (-(clip[8] - _LANDMARK_MS) / _HALF_LIFE_MS)
    exposures = clip[4] * decay
    total = 1 / _NOTHING_KNOWN_SD**2
    weighted = total * _MIDDLE
    for kind, sign, correlation, usual in _SIGNALS if exposures else ():
        points, chance = sign * _SPREAD / correlation, _STRENGTH / exposures
        normal = (1 + chance) * _shrunken_normal_score(usual, min(clip[4 + kind] * decay, exposures), exposures)
        precision = 1 / (points**2 * (1 - correlation**2 + chance))
        total += precision
        weighted += precision * (_MIDDLE + points * normal)
    worth, half = weighted / total, _HALF_WIDTH / math.sqrt(total)
    return _bounded(worth), _bounded(worth - half), _bounded(worth + half)


def _shrunken_normal_score(usual: float, events: float, exposures: float) -> float:
    yes, no = usual * _STRENGTH, (1 - usual) * _STRENGTH
    root_yes, variance_yes = _cube_root(yes)
    root_no, variance_no = _cube_root(no)
    odds = _cube_root(yes + events)[0] / _cube_root(no + exposures - events)[0]
    return (odds * root_no - root_yes) / math.sqrt(variance_yes + odds**2 * variance_no)


def _cube_root(shape: float) -> tuple[float, float]:
    """Return mean and variance of the cube root of a Gamma variable of scale 1."""
    start = math.lgamma(shape)
    mean = math.exp(math.lgamma(shape + 1 / 3) - start)
    return mean, math.exp(math.lgamma(shape + 2 / 3) - start) - mean**2


def _bounded(worth: float) -> float:
    return min(max(worth, 0.0), 10.0)
