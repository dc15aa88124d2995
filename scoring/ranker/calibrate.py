"""A ranker's worth on the scale of 0-10, with a spread that held-out clips bear out.

For a held-out clip with score w, behaviour has an opinion o with a known variance s**2 (`scoring.fusion.behaviour_opinion`).
If the clip's place on the scale is `offset + slope * w` up to a misfit of variance t**2, then o differs from that line with
variance `s**2 + t**2`. Line and misfit are found in turn: weighted least squares, then the method of moments (DerSimonian and
Laird 1986). Pairs alone would make the spread too wide: they know a preference only as well as behaviour does.

Clips of one video have their errors in common, so how sure the slope is comes from leaving out one video at a time (Tukey's
jackknife), and few videos leave the error itself unsure, so that it is judged by Student's t with one degree of freedom less than
videos (Cameron and Miller 2015, "A practitioner's guide to cluster-robust inference"). A ranker whose slope may as well be 0 has
nothing to say of such clips, and is to be silent.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from scoring.fusion import MIDDLE

Floats = NDArray[np.float64]

_ROUNDS: Final = 10
_LEAST_VIDEOS: Final = 3
_SD_RANGE: Final = (0.5, 2.5)
_CLEARLY: Final = 0.95
"""How probable it has to be that the slope is above 0: the lower end of a 90 % interval is."""


class Scale(NamedTuple):
    """How a group of clips lies on 0-10."""

    offset: float
    slope: float
    slope_error: float
    sd: float
    """Misfit about the line."""
    clips: int
    """Held-out clips that it was found by."""


def scale_by(worth: Floats, opinion: Floats, precision: Floats, video: NDArray[np.int64]) -> Scale | None:
    """Return the scale of n held-out clips, None where they do not tell one.

    Args:
        worth: [n] a ranker's scores, in standard deviations of the library's.
        opinion: [n] what behaviour says, in points.
        precision: [n] how sure it is, above 0.
        video: [n] number of each clip's video.
    """
    videos, member = np.unique(video, return_inverse=True)
    if len(videos) < _LEAST_VIDEOS or not np.ptp(worth) or not np.isfinite(worth).all():
        return None
    variance, misfit = 1 / precision, 1.0
    design = np.column_stack([np.ones_like(worth), worth])
    line = np.array([MIDDLE, 0.0])
    for _ in range(_ROUNDS):
        weight = 1 / (variance + misfit)
        line = np.linalg.solve((design.T * weight) @ design, (design.T * weight) @ opinion)
        missed = (opinion - design @ line) ** 2
        misfit = max(float(np.average(missed - variance, weights=weight**2)), _SD_RANGE[0] ** 2)
    error = _slope_error(design, opinion, weight, member)
    if line[1] <= stdtrit(len(videos) - 1, _CLEARLY) * error:
        return None
    return Scale(float(line[0]), float(line[1]), error, float(np.clip(np.sqrt(misfit), *_SD_RANGE)), len(worth))


def _slope_error(design: Floats, opinion: Floats, weight: Floats, member: NDArray[np.int64]) -> float:
    """Return the standard error of the slope, by leaving out one video at a time."""
    count = int(member.max()) + 1
    squares, products = np.zeros((count, 2, 2)), np.zeros((count, 2))
    np.add.at(squares, member, weight[:, None, None] * design[:, :, None] * design[:, None, :])
    np.add.at(products, member, (weight * opinion)[:, None] * design)
    rest = zip(squares.sum(axis=0) - squares, products.sum(axis=0) - products, strict=True)
    slopes = np.array([np.linalg.lstsq(left, right)[0][1] for left, right in rest])
    return float(np.sqrt((count - 1) / count * ((slopes - slopes.mean()) ** 2).sum()))
