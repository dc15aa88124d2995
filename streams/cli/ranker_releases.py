"""`highlights releases` of rankers."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table

from schemas.errors import ConfigurationError
from streams.cli.output import console, print_json
from streams.cli.promotion import let_hold
from streams.learning.releases import Manifest, Releases
from streams.settings import Settings


def print_list(settings: Settings, json: bool) -> None:
    """Print all releases, the oldest first; the one that holds has a star."""
    releases = releases_of(settings)
    current, found = releases.current, releases.manifests()
    if json:
        print_json([brief(manifest) | {"current": manifest.release == current} for manifest in found])
        return
    table = Table(title=f"{len(found)} releases in {releases.folder}", box=box.SIMPLE_HEAD)
    for name in ("", "release", "made", "clips", "pairs", "held-out accuracy", "difference", "gate"):
        table.add_column(name, justify="right" if name in ("clips", "pairs") else "left")
    for manifest in found:
        star = "*" if manifest.release == current else ""
        counts = (f"{manifest.counts[name]:,}" for name in ("clips", "learned_pairs"))
        figures = (interval(manifest.metrics["viewers"][name]) for name in ("accuracy", "difference"))
        table.add_row(star, manifest.release, manifest.created_at, *counts, *figures, manifest.verdict)
    console.print(table)


def show(settings: Settings, release: str) -> None:
    """Print a release's manifest; without a name, of the one that holds.

    Raises:
        ConfigurationError: none holds.
    """
    releases = releases_of(settings)
    name = release or releases.current
    if name is None:
        message = f"no release holds in {releases.folder}: make one with `highlights retrain`"
        raise ConfigurationError(message)
    print_json(releases.manifest(name).model_dump())


def promote(settings: Settings, release: str, json: bool) -> None:
    """Let a release hold."""
    from streams.learning.promote import promote as promote_release

    let_hold(settings, releases_of(settings), promote_release, release, json)


def rollback(settings: Settings, json: bool) -> None:
    """Let the release hold again that held before the current one.

    Raises:
        ConfigurationError: there is none.
    """
    releases = releases_of(settings)
    before = releases.before or (releases.manifest(releases.current).parent if releases.current else None)
    if before is None:
        message = "there is no release to go back to: `highlights releases list` shows all"
        raise ConfigurationError(message)
    left = releases.current
    promote(settings, before, json)
    if left:
        releases.forget_held(left)


def releases_of(settings: Settings) -> Releases:
    """Return the releases of rankers."""
    return Releases(settings.learning.folder(settings.data_dir))


def brief(manifest: Manifest) -> dict[str, Any]:
    """Return of a manifest what a list shows."""
    return manifest.model_dump(include={"release", "created_at", "parent", "counts", "accepted", "verdict", "metrics", "seconds"})


def interval(figure: Mapping[str, float] | None) -> str:
    """Return a mean with its interval as text."""
    return f"{figure['mean']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})" if figure else "-"
