"""Topics: one YAML each, with what Kafka, producers and consumers must know, and examples that the tests walk through."""

from functools import cache
from importlib import resources
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from schemas.exclusions import Exclusion
from schemas.fusion import FusionRelease
from schemas.interactions import Interaction
from schemas.ranker import RankerScores
from schemas.supervised import SupervisedOutput
from schemas.weak_pairs import WeakPairs

INTERACTIONS: Final = "interactions"
SUPERVISED_SCORES: Final = "supervised-scores"
RANKER_SCORES: Final = "ranker-scores"
FUSION_RELEASES: Final = "fusion-releases"
EXCLUSIONS: Final = "exclusions"
WEAK_PAIRS: Final = "weak-pairs"
DEAD_LETTERS: Final = "dead-letters"

MODELS: Final[dict[str, type[BaseModel]]] = {
    INTERACTIONS: Interaction,
    SUPERVISED_SCORES: SupervisedOutput,
    RANKER_SCORES: RankerScores,
    FUSION_RELEASES: FusionRelease,
    EXCLUSIONS: Exclusion,
    WEAK_PAIRS: WeakPairs,
}
"""Model of a topic's messages; a topic that is not here carries other topics' bytes."""


class InvalidExample(BaseModel):
    """A message that must be refused, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: str
    reason: str


class Examples(BaseModel):
    """Messages of a topic as JSON text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    valid: tuple[str, ...]
    invalid: tuple[InvalidExample, ...]


class Topic(BaseModel):
    """What is to be known about a topic."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str
    key: str
    partitions: Annotated[int, Field(ge=1)]
    """Default number of partitions. Topics with the same key have the same number."""
    cleanup: Literal["delete", "compact"]
    retention_hours: Annotated[int, Field(ge=1)] | None = None
    max_message_mib: Annotated[int, Field(ge=1)] = 16
    """Largest message, MiB."""
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    schema_version: int | None = None
    unknown_version: str
    unknown_field: str
    examples: Examples

    def config(self) -> dict[str, str]:
        """Return the topic's settings as Kafka names them."""
        config: dict[str, Any] = {"cleanup.policy": self.cleanup, "max.message.bytes": self.max_message_mib << 20}
        if self.retention_hours:
            config["retention.ms"] = self.retention_hours * 3_600_000
        return {name: str(value) for name, value in config.items()}


@cache
def topics() -> dict[str, Topic]:
    """Return all topics by name."""
    files = sorted(resources.files(__package__).iterdir(), key=lambda file: file.name)
    loaded = [Topic.model_validate(yaml.safe_load(file.read_text())) for file in files if file.name.endswith(".yaml")]
    return {topic.name: topic for topic in loaded}
