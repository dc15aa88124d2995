"""Manifests of releases that say as little as they can."""

from streams.learning.releases import Manifest


def manifest(release: str, created_at: str = "2026-01-01T00:00:00+00:00", parent: str | None = None) -> Manifest:
    """Return a manifest."""
    return Manifest(
        release=release,
        created_at=created_at,
        code_version="0",
        parent=parent,
        seed=1,
        config={},
        columns=["position"],
        built_for_ms=0,
        lineage=[],
        rule_version="pairs-1",
        counts={},
        seconds=0.1,
        accepted=True,
        verdict="",
        metrics={},
        files={},
    )
