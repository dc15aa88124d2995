"""Fusion releases: their numbers, what they were learned from, what the gate said of them, and letting one hold."""

from pathlib import Path
from typing import Final

from schemas.fusion import LearnedFusion
from schemas.weak_pairs import Lineage
from streams.learning.fusion_topic import BUILT_IN, publish_fusion
from streams.release_folder import ReleaseFolder, ReleaseManifest
from streams.settings import Settings

_FUSION: Final = "fusion.json"


class FusionManifest(ReleaseManifest):
    """What a fusion was learned from, and what the gate has measured and said."""

    parent: str
    """The fusion that held when this one was made, a release or the built-in."""
    lineage: list[Lineage]
    ranker_releases: list[str]
    """Whose opinions it has learned from."""
    data: dict[str, str]
    """SHA-256 of the file of labels, by its name."""
    counts: dict[str, int]
    """Labelled clips learned from and held out, and held-out pairs of them."""
    accepted: bool
    verdict: str


class FusionReleases(ReleaseFolder[FusionManifest]):
    """The folder of fusion releases."""

    def __init__(self, settings: Settings) -> None:
        """Name the folder, beside the rankers'."""
        super().__init__(settings.learning.folder(settings.data_dir) / "fusions", FusionManifest)

    @property
    def holds(self) -> str:
        """Name of the fusion that holds."""
        return self.current or BUILT_IN

    def write(self, manifest: FusionManifest, fusion: LearnedFusion) -> FusionManifest:
        """Write a release; return its manifest with the file's checksum."""

        def save(path: Path) -> None:
            path.write_text(fusion.model_dump_json(indent=1) + "\n")

        return self.write_files(manifest, {_FUSION: save})

    def fusion(self, release: str) -> LearnedFusion | None:
        """Return a release's numbers; None for the built-in fusion.

        Raises:
            ConfigurationError: there is no such release.
            StateError: the file is not what the manifest says.
        """
        if release == BUILT_IN:
            return None
        self.manifest(release)
        return LearnedFusion.model_validate_json(self.checked(release, _FUSION).read_bytes())


def promote_fusion(settings: Settings, partitions: int, releases: FusionReleases, release: str) -> None:
    """Let a fusion hold, a release or the built-in, whatever the gate said of it. The caller holds the lock.

    Raises:
        ConfigurationError: there is no such release.
        StateError: its file is damaged.
        DeliveryError: Kafka did not take it.
    """
    fusion = releases.fusion(release)
    with releases.holding(release):
        publish_fusion(settings, partitions, release, fusion)
