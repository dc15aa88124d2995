"""One thing that was looked at, and how it is."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Health(StrEnum):
    """How a thing is."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    """It works, and may not do what you want."""
    BAD = "bad"


class Finding(BaseModel):
    """What was looked at, what was found, and the command or the setting that mends it (empty where nothing is to be mended)."""

    model_config = ConfigDict(frozen=True)

    area: str
    what: str
    health: Health
    found: str
    mend: str = ""


def good(area: str, what: str, found: str) -> Finding:
    """Return a finding of something that is as it should be."""
    return Finding(area=area, what=what, health=Health.GOOD, found=found)


def doubtful(area: str, what: str, found: str, mend: str) -> Finding:
    """Return a finding of something that works and is worth a look."""
    return Finding(area=area, what=what, health=Health.DOUBTFUL, found=found, mend=mend)


def bad(area: str, what: str, found: str, mend: str = "") -> Finding:
    """Return a finding of something that is wrong; `mend` may be empty where `found` says the way out."""
    return Finding(area=area, what=what, health=Health.BAD, found=found, mend=mend)
