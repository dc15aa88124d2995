"""The list of who is excluded, as `highlights exclusions` changes and prints it."""

from pathlib import Path

import typer
from rich import box
from rich.table import Table

from schemas.exclusions import Excluded, ExclusionKind
from streams import exclusions
from streams.cli.output import console, print_json
from streams.kafka import ensure_topics
from streams.settings import Settings


def add(settings: Settings, sessions: list[str], viewers: list[str], reason: str, json: bool) -> None:
    """Exclude sessions or viewers, and say so."""
    named = _named(settings, sessions, viewers)
    exclusions.exclude(settings, ensure_topics(settings.kafka, settings.group), named, reason)
    _tell("excluded", named, json)


def remove(settings: Settings, sessions: list[str], viewers: list[str], keys: list[str], json: bool) -> None:
    """Take back what excludes sessions or viewers, or what keys of the list name, and say so."""
    named = [*map(_of_key, keys), *(_named(settings, sessions, viewers) if sessions or viewers or not keys else [])]
    exclusions.readmit(settings, ensure_topics(settings.kafka, settings.group), named)
    _tell("readmitted", named, json)


def restore(settings: Settings, file: Path, json: bool) -> None:
    """Exclude those of a printed list again, and say so."""
    _tell("excluded", exclusions.restore(settings, ensure_topics(settings.kafka, settings.group), file), json)


def print_list(settings: Settings, json: bool) -> None:
    """Print who is excluded, the oldest first."""
    found = exclusions.listed(settings)
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
