"""Releases of supervised models."""

from pathlib import Path
from typing import Any

from streams.release_folder import ReleaseFolder, ReleaseManifest


class ModelManifest(ReleaseManifest):
    """What a supervised model was made of."""

    model: dict[str, Any]
    """Its shape and the names of its columns, as the network is built again."""
    data: dict[str, str]
    """SHA-256 of each file that was learned from."""
    vocabulary: dict[str, tuple[str, ...]]
    """Tags by group."""
    counts: dict[str, int]
    """Clips, videos, and clips with a score and with tags; of validation and the test, too."""
    unseen: tuple[str, ...] = ("test",)
    """Sides of the videos that no weight was learned from, see `scoring.splits`. Before it was noted, this was the test alone."""


def models(folder: Path) -> ReleaseFolder[ModelManifest]:
    """Return the releases of supervised models."""
    return ReleaseFolder(folder, ModelManifest)
