"""Ranker releases: the model, its scores of all clips, and what the gate said of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field

from schemas.weak_pairs import Lineage
from streams.release_folder import MODEL, ReleaseFolder, ReleaseManifest, save_tensors

_SCORES: Final = "scores.parquet"


class Manifest(ReleaseManifest):
    """What a ranker was made of, and what the gate has measured and said."""

    parent: str | None
    """The release that held when this one was made."""
    columns: list[str]
    """Of the features."""
    built_for_ms: int
    """Event time of the newest interaction, Unix ms."""
    lineage: list[Lineage]
    data: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of the file of labels, by its name, where there was one."""
    rule_version: str
    counts: dict[str, int]
    """Clips, videos, pairs learned from and held out, edges of the graph, epochs, labelled clips."""
    accepted: bool
    verdict: str


class Releases(ReleaseFolder[Manifest]):
    """The folder of ranker releases."""

    def __init__(self, folder: Path) -> None:
        """Name the folder."""
        super().__init__(folder, Manifest)

    def write(self, manifest: Manifest, tensors: Mapping[str, NDArray[Any]], scores: pa.Table) -> Manifest:
        """Write a release; return its manifest with the files' checksums."""

        def save_scores(path: Path) -> None:
            pq.write_table(scores, path, compression="zstd")

        return self.write_files(manifest, {MODEL: save_tensors(tensors), _SCORES: save_scores})

    def scores(self, release: str) -> pa.Table:
        """Return a release's scores.

        Raises:
            StateError: the file is not what the manifest says.
        """
        return pq.read_table(self.checked(release, _SCORES), partitioning=None)
