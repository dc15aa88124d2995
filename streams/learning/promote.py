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
    manifest = releases.manifest(release)
    publish_scores(settings, partitions, release, releases.scores(release))
    before = releases.current
    releases.set_current(release)
    forget_releases(settings, partitions, {release, *filter(None, (before, manifest.parent))})
