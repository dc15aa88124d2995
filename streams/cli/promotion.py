"""Letting a release hold, a ranker or a fusion."""

from collections.abc import Callable
from typing import Any, TypeVar

from streams.cli.output import console, print_json
from streams.kafka import ensure_topics
from streams.release_folder import ReleaseFolder
from streams.settings import Settings

_Folder = TypeVar("_Folder", bound=ReleaseFolder[Any])


def let_hold(
    settings: Settings, releases: _Folder, promote: Callable[[Settings, int, _Folder, str], object], release: str, json: bool
) -> None:
    """Have a release promoted while no other command does it in that folder, and say so."""
    partitions = ensure_topics(settings.kafka, settings.group)
    with releases.lock():
        promote(settings, partitions, releases, release)
    if json:
        print_json({"current": release})
    else:
        console.print(f"{release} holds; workers swap to it as they read it")
