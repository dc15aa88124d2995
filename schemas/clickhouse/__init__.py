"""ClickHouse tables as numbered migrations, and the columns that the worker writes."""

from importlib import resources
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict

CLIP_SCORES: Final = "clip_scores"
SUPERVISED_OUTPUTS: Final = "supervised_outputs"
RATE_PRIORS: Final = "rate_priors"
WEAK_PAIRS: Final = "weak_pairs"
SIGNAL_POINTS: Final = ("supervised_points", "ranker_points", "share_points", "rewind_points", "fast_forward_points")
"""Columns of table `clip_scores` that say what each signal adds to a score, beside `celebrity_bonus`."""
LEAST_TAG_PROBABILITY: Final = 0.5
"""From which on a clip has a tag."""
LIKELY_TAGS: Final = f"arrayReverseSort(t -> tags[t], arrayFilter(t -> tags[t] >= {LEAST_TAG_PROBABILITY}, mapKeys(tags)))"
"""The tags that a clip has, the likeliest first, where there is a column `tags`."""
RELEASES: Final = "releases"
MIGRATIONS_TABLE: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (number UInt32, name String, applied_at DateTime DEFAULT now())
ENGINE = ReplacingMergeTree ORDER BY number
"""
"""Which migrations a database has."""


class Migration(NamedTuple):
    """One file of statements, applied once, in the order of their numbers."""

    number: int
    name: str
    statements: tuple[str, ...]


def migrations() -> list[Migration]:
    """Return all migrations in order."""
    files = sorted(file.name for file in resources.files(__package__).iterdir() if file.name.endswith(".sql"))
    return [_load(name) for name in files]


def _load(name: str) -> Migration:
    text = resources.files(__package__).joinpath(name).read_text()
    statements = tuple(part.strip() for part in text.split(";\n") if part.strip())
    return Migration(int(name[:4]), name.removesuffix(".sql"), statements)


class HighlightRow(BaseModel):
    """A row of view `highlights`: the newest fused score of a clip and its parts. None where a part is missing."""

    model_config = ConfigDict(frozen=True)

    clip_id: str
    score: float
    worth: float
    """The score before it is bounded to 0-10; the feed's order."""
    score_low: float
    score_high: float
    supervised_score: float | None
    behaviour_score: float | None
    ranker_score: float | None
    celebrity: float | None
    supervised_weight: float
    behaviour_weight: float
    exposures: int
    shares: int
    rewinds: int
    fast_forwards: int
    category: str
    tags: dict[str, float]
