"""Topics that have another number of partitions than the source, and what puts it right.

Kafka adds partitions and takes none away, and messages stay where they are. So a topic is widened where each partition holds all
of it or nobody looks for a message by its partition; one whose messages lie by video, or that has too many, is made anew. Workers
know how far they have read the old one and would pass over the new one's beginning: their state is computed again.
"""

from typing import Final

from schemas.topics import DEAD_LETTERS, EXCLUSIONS, FUSION_RELEASES, RANKER_SCORES, SUPERVISED_SCORES, WEAK_PAIRS, topics
from streams.settings import Settings

_CHANGELOG: Final = "changelog"
_WIDENED: Final = (EXCLUSIONS, FUSION_RELEASES, DEAD_LETTERS, _CHANGELOG)
_READ_BY_NO_WORKER: Final = (WEAK_PAIRS, DEAD_LETTERS)
_SENT_AGAIN: Final = {
    EXCLUSIONS: "`highlights exclusions restore exclusions.json`",
    FUSION_RELEASES: "`highlights releases promote RELEASE --kind fusion` with the one that holds",
    RANKER_SCORES: "`highlights releases promote RELEASE` with the one that holds",
    SUPERVISED_SCORES: "`highlights score FILE` with each file of clips, or your models' own job",
    WEAK_PAIRS: "`highlights pairs`",
}


def mend(settings: Settings, name: str, found: int, wanted: int) -> str:
    """Return the steps that give a topic the number of partitions that it needs, with all that it must hold."""
    tool = f"kafka-topics.sh --bootstrap-server {settings.kafka.bootstrap_servers}"
    plain = name.removeprefix(settings.kafka.topic_prefix)
    topic = plain if plain in topics() else _CHANGELOG
    is_widened = found < wanted and topic in _WIDENED
    is_rebuilt = topic == _CHANGELOG or not (is_widened or topic in _READ_BY_NO_WORKER)
    steps = [
        "`highlights exclusions list --json > exclusions.json`" if topic == EXCLUSIONS else "",
        "stop the workers" if is_rebuilt else "",
        f"{tool} --alter --topic {name} --partitions {wanted}" if is_widened else f"{tool} --delete --topic {name}",
        _SENT_AGAIN.get(topic, ""),
        "`highlights worker --rebuild`" if is_rebuilt else "",
    ]
    return "; then ".join(filter(None, steps))
