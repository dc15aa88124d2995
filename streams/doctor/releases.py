"""Releases on disk: those that hold must be whole."""

from collections.abc import Iterator
from typing import Any

from schemas.errors import HighlightsError
from streams.doctor.finding import Finding, bad, good
from streams.learning.fusion_releases import FusionReleases
from streams.learning.fusion_topic import BUILT_IN
from streams.learning.releases import Releases
from streams.release_folder import ReleaseFolder
from streams.settings import Settings
from streams.supervised.releases import models


def check_releases(settings: Settings) -> Iterator[Finding]:
    """Yield what there is to say of the ranker, of the fusion and of the supervised model that hold."""
    learning, data_dir = settings.learning, settings.data_dir
    yield _holds("ranker", Releases(learning.folder(data_dir)), "highlights retrain", "highlights releases promote")
    yield _fusion(FusionReleases(settings), "highlights retrain --fusion --labels FILE")
    yield _holds("supervised model", models(learning.models_folder(data_dir)), "highlights train-supervised FILE")


def _fusion(releases: FusionReleases, make: str) -> Finding:
    if releases.holds == BUILT_IN and not releases.unfinished:
        return good("releases", "fusion", f"the {BUILT_IN} one holds; `{make}` learns another")
    return _holds("fusion", releases, make, "highlights releases promote --kind fusion")


def _holds(what: str, releases: ReleaseFolder[Any], make: str, promote: str = "") -> Finding:
    name = releases.current
    if releases.unfinished:
        found = f"a command died while it let {releases.unfinished} hold: some partitions may name it, others {name or 'none'}"
        return bad("releases", what, found, f"{promote} {releases.unfinished}")
    if name is None:
        return good("releases", what, f"none in {releases.folder}; `{make}` makes one")
    try:
        for file in releases.manifest(name).files:
            releases.checked(name, file)
    except HighlightsError as error:
        return bad("releases", what, str(error), make)
    return good("releases", what, f"{name} holds and is whole")
