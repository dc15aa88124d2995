"""Forward decay in integers: sums that no order of events and no grouping can change.

Forward decay (Cormode, Shkapenyuk, Srivastava, Xu: "Forward decay", ICDE 2009) weighs an event at time t with
`2 ** ((t - landmark) / half_life)`, so that weights only grow and sums are additive. A fixed landmark overflows in the
end, and moving it rounds, which would make the sum depend on when it was moved. Here landmarks are the starts of *eras*
of 16 half-lives on the calendar. A sum is kept for the newest era and for the one before; what is older weighs less
than 2**-16 and is dropped. Which eras are kept depends on the newest event alone, so the sums are exact, free of order,
mergeable, and bounded for ever.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.compiled import inlined

HALF_LIVES_PER_ERA: Final = 16
STEPS_PER_HALF_LIFE: Final = 256
UNIT: Final = 1 << 12
"""Weight of an event at the start of its era. Rounding costs at most 2**-13 of a weight, a step at most 0.27 %."""

_STEP_WEIGHTS = np.array([round(UNIT * 2 ** (step / STEPS_PER_HALF_LIFE)) for step in range(STEPS_PER_HALF_LIFE)])


@inlined
def era_of(time_ms, half_life_ms):
    """Return the number of the era that a time (Unix ms) falls into."""
    return time_ms // (half_life_ms * HALF_LIVES_PER_ERA)


@inlined
def weight_of(time_ms, half_life_ms):
    """Return the integer weight of an event in its own era, UNIT <= weight < UNIT * 2**16."""
    age = time_ms % (half_life_ms * HALF_LIVES_PER_ERA)
    half_lives = age // half_life_ms
    step = (age % half_life_ms) * STEPS_PER_HALF_LIFE // half_life_ms
    return _STEP_WEIGHTS[step] << half_lives


def effective_count(
    newest: NDArray[np.int64],
    previous: NDArray[np.int64],
    era: NDArray[np.int64],
    at_ms: NDArray[np.int64],
    half_life_ms: int,
) -> NDArray[np.float64]:
    """Return decayed counts: the number of events just now that would weigh as much as all events so far.

    Args:
        newest, previous: [..., n] sums of weights in era `era` and the one before.
        era: [n] number of the newest era.
        at_ms: [n] "now" as Unix ms, inside or after that era.
    """
    half_lives = (at_ms - era * (half_life_ms * HALF_LIVES_PER_ERA)) / half_life_ms
    decayed: NDArray[np.float64] = (newest + previous * 2.0**-HALF_LIVES_PER_ERA) * np.exp2(-half_lives) / UNIT
    return decayed
