"""`highlights exclusions`: sessions and viewers that are not to count."""

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from schemas.exclusions import Excluded, ExclusionKind
from streams import exclusions
from streams.cli.environment import load_settings
from streams.cli.output import JsonOption, console, print_json
from streams.kafka import ensure_topics
from streams.settings import Settings

app = typer.Typer(
    help="Sessions and viewers whose interactions are passed over, as if they had never been: bots, and people who ask to be "
    "forgotten. Example: `highlights exclusions add --viewer 4711 --reason 'erasure request 12'`. Workers compute their state "
    "anew without them within HIGHLIGHTS_WORKER__EXCLUSIONS_INTERVAL_S and the time that it takes; where the topic's retention "
    "has deleted what the state began with, they count no more from then on.",
    no_args_is_help=True,
)

SessionOption = Annotated[list[str], typer.Option("--session", help="A session's id; can be given many times.")]
ViewerOption = Annotated[list[str], typer.Option("--viewer", help="A viewer's id; can be given many times.")]


@app.command()
def add(
    session: SessionOption = [],  # noqa: B006 typer copies it
    viewer: ViewerOption = [],  # noqa: B006 typer copies it
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the list.")] = "named by the operator",
    json: JsonOption = False,
) -> None:
    """Exclude sessions or viewers. Only a keyed hash of the id is stored."""
    settings = load_settings()
    named = _named(settings, session, viewer)
    exclusions.exclude(settings, ensure_topics(settings.kafka, settings.group), named, reason)
    _tell("excluded", named, json)


@app.command()
def remove(
    session: SessionOption = [],  # noqa: B006 typer copies it
    viewer: ViewerOption = [],  # noqa: B006 typer copies it
    key: Annotated[list[str], typer.Option("--key", help="KIND:HASH, as the list shows it; can be given many times.")] = [],  # noqa: B006 typer copies it
    json: JsonOption = False,
) -> None:
    """Count sessions or viewers again, from their beginning."""
    settings = load_settings()
    named = [*(_of_key(text) for text in key), *(_named(settings, session, viewer) if session or viewer or not key else [])]
    exclusions.readmit(settings, ensure_topics(settings.kafka, settings.group), named)
    _tell("readmitted", named, json)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `highlights exclusions list --json` has printed.")], json: JsonOption = False
) -> None:
    """Exclude those of a list again, with their reasons: where their topic was lost, or has got more partitions."""
    settings = load_settings()
    _tell("excluded", exclusions.restore(settings, ensure_topics(settings.kafka, settings.group), file), json)


@app.command("list")
def list_exclusions(json: JsonOption = False) -> None:
    """List who is excluded, the oldest first."""
    found = exclusions.listed(load_settings())
    if json:
        print_json([exclusion._asdict() for exclusion in found])
        return
    table = Table(title=f"{len(found)} exclusions", box=box.SIMPLE_HEAD)
    for name in ("key", "reason", "since"):
        table.add_column(name)
    for exclusion in found:
        table.add_row(exclusion.key, exclusion.reason, f"{exclusion.excluded_at:%Y-%m-%d %H:%M:%S}")
    console.print(table)


def _named(settings: Settings, sessions: list[str], viewers: list[str]) -> list[Excluded]:
    if not sessions and not viewers:
        message = "name somebody: --session ID or --viewer ID"
        raise typer.BadParameter(message)
    return [
        *(exclusions.hashed(settings, ExclusionKind.SESSION, identifier) for identifier in sessions),
        *(exclusions.hashed(settings, ExclusionKind.VIEWER, identifier) for identifier in viewers),
    ]


def _of_key(text: str) -> Excluded:
    excluded = Excluded.of_key(text.encode())
    if isinstance(excluded, Excluded):
        return excluded
    raise typer.BadParameter(excluded.detail)


def _tell(what: str, named: list[Excluded], json: bool) -> None:
    if json:
        print_json({what: [excluded.key for excluded in named]})
    else:
        console.print(f"{what}: {', '.join(excluded.key for excluded in named)}")
