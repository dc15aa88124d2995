"""Work beside that of workers: it gives way to them, and is done once or, with `--every`, as often as that says."""

import math
import os
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

import typer

from schemas.errors import HighlightsError
from streams.cli.output import complain

EveryOption = Annotated[str, typer.Option(help="Go on for good, once in this time: 30m, 6h, 1d. Unset: once.")]

_PAUSE = timedelta(minutes=10)
"""After an error, at most."""
_NICENESS = 10
_PERIOD = re.compile(r"([1-9]\d*)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def give_way() -> None:
    """Let workers on the same machine go first."""
    os.nice(_NICENESS)


def period_of(text: str) -> timedelta | None:
    """Return the period that a text like 6h names; None for an empty one.

    Raises:
        BadParameter: it names none.
    """
    match = _PERIOD.fullmatch(text)
    if text and not match:
        message = f"--every {text}: a number and s, m, h or d is expected, as in 6h"
        raise typer.BadParameter(message)
    return timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None


def repeat(period: timedelta | None, age: Callable[[], float], once: Callable[[], None]) -> None:
    """Do something once; with a period for good, as soon as what was made last has that age, in seconds."""
    if period is None:
        once()
        return
    done_at = -math.inf
    while True:
        try:
            age_s = min(age(), time.monotonic() - done_at)  # what was made may have been nothing, which has no age
            time.sleep(max(0.0, period.total_seconds() - age_s))
            once()
            done_at = time.monotonic()
        except HighlightsError as error:
            pause = min(period, _PAUSE)
            complain(f"{error}; trying again in {pause}")
            time.sleep(pause.total_seconds())
