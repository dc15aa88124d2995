"""`highlights releases`: rankers and fusions, which of them holds, and going back."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from schemas.errors import ConfigurationError
from streams.cli import fusion_releases
from streams.cli.environment import load_settings
from streams.cli.output import JsonOption, console, print_json
from streams.cli.promotion import let_hold
from streams.learning.releases import Manifest, Releases
from streams.settings import Settings

app = typer.Typer(
    help="Ranker releases: what they were made of, which one holds, and going back. Example: `highlights releases list`, then "
    "`highlights releases rollback`. Workers swap to a release whole, and rows in ClickHouse name it.",
    no_args_is_help=True,
)


class Kind(StrEnum):
    """What is released."""

    RANKER = "ranker"
    FUSION = "fusion"


KindOption = Annotated[Kind, typer.Option(help="Which releases: of rankers, or of learned fusions.")]


@app.command("list")
def list_releases(kind: KindOption = Kind.RANKER, json: JsonOption = False) -> None:
    """List all releases, the oldest first; the one that holds has a star."""
    settings = load_settings()
    if kind is Kind.FUSION:
        fusion_releases.print_list(settings, json)
        return
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


@app.command()
def show(
    release: Annotated[str, typer.Argument(help="Its name, as the list shows it; the current one when not given.")] = "",
) -> None:
    """Show a release's manifest as JSON: lineage, settings, seed, metrics, checksums."""
    releases = releases_of(load_settings())
    name = release or releases.current
    if name is None:
        message = f"no release holds in {releases.folder}: make one with `highlights retrain`"
        raise ConfigurationError(message)
    print_json(releases.manifest(name).model_dump())


@app.command()
def promote(
    release: Annotated[str, typer.Argument(help="Its name, as the list shows it; `built-in` is a fusion, too.")],
    kind: KindOption = Kind.RANKER,
    json: JsonOption = False,
) -> None:
    """Let a release hold, whatever the gate said of it."""
    if kind is Kind.FUSION:
        fusion_releases.promote(load_settings(), release, json)
    else:
        _promote(load_settings(), release, json)


@app.command()
def rollback(kind: KindOption = Kind.RANKER, json: JsonOption = False) -> None:
    """Let the release hold again that held before the current one; once more, the one before that."""
    settings = load_settings()
    if kind is Kind.FUSION:
        fusion_releases.rollback(settings, json)
        return
    releases = releases_of(settings)
    before = releases.before or (releases.manifest(releases.current).parent if releases.current else None)
    if before is None:
        message = "there is no release to go back to: `highlights releases list` shows all"
        raise ConfigurationError(message)
    releases.leave_current()
    _promote(settings, before, json)


def _promote(settings: Settings, release: str, json: bool) -> None:
    from streams.learning.promote import promote as promote_release

    let_hold(settings, releases_of(settings), promote_release, release, json)


def releases_of(settings: Settings) -> Releases:
    """Return the releases of rankers."""
    return Releases(settings.learning.folder(settings.data_dir))


def brief(manifest: Manifest) -> dict[str, Any]:
    """Return of a manifest what a list shows."""
    return manifest.model_dump(include={"release", "created_at", "parent", "counts", "accepted", "verdict", "metrics", "seconds"})


def interval(figure: Mapping[str, float] | None) -> str:
    """Return a mean with its interval as text."""
    return f"{figure['mean']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})" if figure else "-"
