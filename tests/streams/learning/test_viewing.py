"""Who watched what, as the graph of similar clips is told."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pytest

from schemas.exclusions import Excluded, ExclusionKind
from schemas.weak_pairs import Lineage
from streams.chunks import Chunk
from streams.exclusions import hashed
from streams.learning import viewing
from streams.learning.snapshot import PartitionPart, Snapshot
from streams.settings import Settings
from tests.streams.world import Message, chunk_of

_SETTINGS = Settings()
_VIEWERS = ("stays", "gone", "other")


def _play(number: int, viewer: str) -> Message:
    fields = {
        "schema_version": 1,
        "kind": "play",
        "video_id": "v1",
        "session_id": f"s{number}",
        "viewer_id": viewer,
    }
    return Message(number, 0, orjson.dumps(fields | {"occurred_at_ms": 1_790_000_000_000 + number, "from_s": 0, "to_s": 20}))


def _snapshot(*excluded: Excluded) -> Snapshot:
    lineage = Lineage(
        partition=0,
        first_offset=0,
        applied_offset=len(_VIEWERS) - 1,
        supervised_offset=-1,
        exclusions_offset=-1,
        fingerprint="f",
    )
    part = PartitionPart(lineage, frozenset(excluded), 1_790_000_000_000)
    return Snapshot(["v1"], np.zeros(2, np.int64), np.arange(2), np.zeros((4, 2), np.uint32), {}, (part,))


@pytest.fixture(autouse=True)
def _source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of three viewers has watched both clips of a video."""

    def read(*_arguments: Any) -> Iterator[Chunk]:
        yield chunk_of([_play(number, viewer) for number, viewer in enumerate(_VIEWERS)])

    monkeypatch.setattr(viewing, "read_chunks", read)


def test_each_session_has_each_clip_once() -> None:
    """Three sessions, two clips."""
    found = viewing.viewing(_SETTINGS, _snapshot(), 100)
    assert found.session.tolist() == [0, 0, 1, 1, 2, 2]
    assert found.clip.tolist() == [0, 1] * 3


def test_who_is_excluded_connects_no_clips() -> None:
    """What they watched is in no graph, and so in no ranker that is trained from then on."""
    found = viewing.viewing(_SETTINGS, _snapshot(hashed(_SETTINGS, ExclusionKind.VIEWER, "gone")), 100)
    assert (len(np.unique(found.session)), len(found.clip)) == (2, 4)
