"""Letting a release hold: without torch, so that going back is a matter of seconds."""

from streams.learning.ranker_topic import forget_releases, publish_scores
from streams.learning.releases import Releases
from streams.settings import Settings


def promote(settings: Settings, partitions: int, releases: Releases, release: str) -> None:
    """Let a release hold, whatever the gate said of it. The caller holds the lock.

    Raises:
        ConfigurationError: there is no such release.
        StateError: its files are damaged.
    """
    manifest, scores = releases.manifest(release), releases.scores(release)
    with releases.holding(release):
        publish_scores(settings, partitions, release, scores)
        forget_releases(settings, partitions, {release, *filter(None, (releases.current, manifest.parent))})


def finish(settings: Settings, partitions: int, releases: Releases) -> str | None:
    """Let the release hold that a process which died had begun to let hold; return its name, None where there was none.

    Until then some partitions may name it, and others the one before. The caller holds the lock.

    Raises:
        ConfigurationError, StateError: it is gone or damaged: let another hold.
        DeliveryError: Kafka did not take it.
    """
    release = releases.unfinished
    if release:
        promote(settings, partitions, releases, release)
    return release
