"""`highlights retrain --fusion`, and `highlights releases --kind fusion`."""

from pathlib import Path

from rich import box
from rich.table import Table

from schemas.errors import ConfigurationError
from streams import clickhouse
from streams.cli.output import console, print_json
from streams.cli.promotion import let_hold
from streams.kafka import ensure_topics
from streams.learning.fusion_releases import FusionManifest, FusionReleases, promote_fusion
from streams.learning.fusion_topic import BUILT_IN
from streams.learning.verdicts import publish_verdicts
from streams.settings import Settings


def learn(settings: Settings, labels: Path | None, seed: int, json: bool) -> None:
    """Learn a fusion, and say what became of it.

    Raises:
        ConfigurationError: there is no file of labels, or it says too little.
    """
    from streams.learning.retrain_fusion import retrain_fusion

    if labels is None:
        message = "--fusion learns from labelled clips alone: name their file with --labels"
        raise ConfigurationError(message)
    manifest = retrain_fusion(settings, ensure_topics(settings.kafka, settings.group), labels, seed=seed)
    publish_verdicts(clickhouse.connect(settings.clickhouse), FusionReleases(settings).manifests())
    if json:
        print_json(manifest.model_dump())
        return
    console.print(f"{manifest.release} {'holds now' if manifest.accepted else 'is refused'}: {manifest.verdict}")
    counts = manifest.counts
    console.print(f"{counts['learned_clips']:,} labelled clips learned from, {counts['held_out_clips']:,} held out")


def print_list(settings: Settings, json: bool) -> None:
    """Print all releases and the built-in fusion; the one that holds has a star."""
    releases = FusionReleases(settings)
    holds, found = releases.holds, releases.manifests()
    if json:
        print_json([manifest.model_dump() | {"current": manifest.release == holds} for manifest in found])
        return
    table = Table("", "release", "made", "labelled clips", "gate", title=f"{len(found)} fusions", box=box.SIMPLE_HEAD)
    table.add_row("*" if holds == BUILT_IN else "", BUILT_IN, "", "", "comes with the workers")
    for manifest in found:
        table.add_row(*_row(manifest, holds))
    console.print(table)


def promote(settings: Settings, release: str, json: bool) -> None:
    """Let a fusion hold, a release or the built-in."""
    let_hold(settings, FusionReleases(settings), promote_fusion, release, json)


def rollback(settings: Settings, json: bool) -> None:
    """Let the fusion hold again that held before the current one.

    Raises:
        ConfigurationError: the built-in one holds.
    """
    releases = FusionReleases(settings)
    if releases.holds == BUILT_IN:
        message = "the built-in fusion holds: `highlights releases list --kind fusion` shows what else there is"
        raise ConfigurationError(message)
    left = releases.holds
    before = releases.before or releases.manifest(left).parent
    promote(settings, before, json)
    releases.forget_held(left)


def _row(manifest: FusionManifest, holds: str) -> tuple[str, ...]:
    star = "*" if manifest.release == holds else ""
    return star, manifest.release, manifest.created_at, f"{manifest.counts['learned_clips']:,}", manifest.verdict
