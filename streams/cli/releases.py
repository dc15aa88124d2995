"""`highlights releases`: rankers and fusions, which of them holds, and going back."""

from enum import StrEnum
from typing import Annotated

import typer

from streams.cli.environment import load_settings
from streams.cli.output import JsonOption

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
    from streams.cli import fusion_releases, ranker_releases

    print_list = fusion_releases.print_list if kind is Kind.FUSION else ranker_releases.print_list
    print_list(load_settings(), json)


@app.command()
def show(
    release: Annotated[str, typer.Argument(help="Its name, as the list shows it; the current one when not given.")] = "",
) -> None:
    """Show a release's manifest as JSON: lineage, settings, seed, metrics, checksums."""
    from streams.cli import ranker_releases

    ranker_releases.show(load_settings(), release)


@app.command()
def promote(
    release: Annotated[str, typer.Argument(help="Its name, as the list shows it; `built-in` is a fusion, too.")],
    kind: KindOption = Kind.RANKER,
    json: JsonOption = False,
) -> None:
    """Let a release hold, whatever the gate said of it."""
    from streams.cli import fusion_releases, ranker_releases

    let_hold = fusion_releases.promote if kind is Kind.FUSION else ranker_releases.promote
    let_hold(load_settings(), release, json)


@app.command()
def rollback(kind: KindOption = Kind.RANKER, json: JsonOption = False) -> None:
    """Let the release hold again that held before the current one; once more, the one before that."""
    from streams.cli import fusion_releases, ranker_releases

    go_back = fusion_releases.rollback if kind is Kind.FUSION else ranker_releases.rollback
    go_back(load_settings(), json)
