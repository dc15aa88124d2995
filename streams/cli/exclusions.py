"""`highlights exclusions`: sessions and viewers that are not to count."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.environment import load_settings
from streams.cli.output import JsonOption

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
    from streams.cli import exclusion_list

    exclusion_list.add(load_settings(), session, viewer, reason, json)


@app.command()
def remove(
    session: SessionOption = [],  # noqa: B006 typer copies it
    viewer: ViewerOption = [],  # noqa: B006 typer copies it
    key: Annotated[list[str], typer.Option("--key", help="KIND:HASH, as the list shows it; can be given many times.")] = [],  # noqa: B006 typer copies it
    json: JsonOption = False,
) -> None:
    """Count sessions or viewers again, from their beginning."""
    from streams.cli import exclusion_list

    exclusion_list.remove(load_settings(), session, viewer, key, json)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `highlights exclusions list --json` has printed.")], json: JsonOption = False
) -> None:
    """Exclude those of a list again, with their reasons: where their topic was lost, or has got more partitions."""
    from streams.cli import exclusion_list

    exclusion_list.restore(load_settings(), file, json)


@app.command("list")
def list_exclusions(json: JsonOption = False) -> None:
    """List who is excluded, the oldest first."""
    from streams.cli import exclusion_list

    exclusion_list.print_list(load_settings(), json)
