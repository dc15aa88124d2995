"""What puts topics right that have another number of partitions than the source."""

import pytest

from schemas.topics import DEAD_LETTERS, EXCLUSIONS, FUSION_RELEASES, RANKER_SCORES, SUPERVISED_SCORES, WEAK_PAIRS
from streams.doctor.partitions import mend
from streams.kafka import expected_topics
from streams.settings import KafkaSettings, Settings

_SETTINGS = Settings(kafka=KafkaSettings(bootstrap_servers="kafka:9092", topic_prefix="a-"))
_CHANGELOG = f"{_SETTINGS.group}-statistics-changelog"


def test_every_topic_has_its_steps() -> None:
    """Each names the topic as Kafka knows it, and ends with what sends its messages again, where something does."""
    for name in expected_topics(_SETTINGS.kafka, _SETTINGS.group):
        for found in (1, 9):
            assert f"--topic {name}" in mend(_SETTINGS, name, found, 4)


@pytest.mark.parametrize(
    ("topic", "steps"),
    [
        (
            EXCLUSIONS,
            ["exclusions list --json > exclusions.json", "--alter --topic a-exclusions --partitions 4", "exclusions restore"],
        ),
        (FUSION_RELEASES, ["--alter --topic a-fusion-releases --partitions 4", "promote RELEASE --kind fusion"]),
        (DEAD_LETTERS, ["--alter --topic a-dead-letters --partitions 4"]),
        (SUPERVISED_SCORES, ["stop the workers", "--delete", "highlights score FILE", "highlights worker --rebuild"]),
        (RANKER_SCORES, ["stop the workers", "--delete", "highlights releases promote RELEASE", "highlights worker --rebuild"]),
        (WEAK_PAIRS, ["--delete", "highlights pairs"]),
    ],
)
def test_too_few_partitions(topic: str, steps: list[str]) -> None:
    """Where each partition holds everything some are added; messages that lie by video are sent to a new topic."""
    told = mend(_SETTINGS, f"a-{topic}", 1, 4).split("; then ")
    assert len(told) == len(steps)
    assert all(step in line for step, line in zip(steps, told, strict=True))


def test_too_many_partitions() -> None:
    """Kafka takes none away: the topic is made anew, and those that it excluded are kept in a file meanwhile."""
    told = mend(_SETTINGS, f"a-{EXCLUSIONS}", 9, 4)
    words = ["list --json > exclusions.json", "stop the workers", "--delete", "restore exclusions.json", "--rebuild"]
    assert sorted(words, key=told.index) == words


def test_a_changelog_is_computed_again() -> None:
    """Whatever number it has, no command could send it."""
    for found, change in ((1, "--alter"), (9, "--delete")):
        told = mend(_SETTINGS, _CHANGELOG, found, 4).split("; then ")
        assert [change in told[1], told[0], told[2]] == [True, "stop the workers", "`highlights worker --rebuild`"]
