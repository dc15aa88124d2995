"""Weak pairs as messages and rows."""

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.interactions import FAST_FORWARD, PLAY, REWIND, SHARE
from schemas.supervised import SupervisedOutput
from schemas.topics import WEAK_PAIRS, topics
from schemas.weak_pairs import Lineage, WeakPairs
from streams.learning.snapshot import PartitionPart, Snapshot
from streams.learning.weak_pairs import RULE_VERSION, messages, pair_table, pairs_of

_VIDEOS, _CLIPS = 12, 20


def _lineage(applied: int = 999) -> Lineage:
    return Lineage(
        partition=0, first_offset=0, applied_offset=applied, supervised_offset=3, exclusions_offset=-1, fingerprint="f"
    )


def _snapshot(seed: int = 1) -> Snapshot:
    rng = np.random.default_rng(seed)
    video = np.repeat(np.arange(_VIDEOS), _CLIPS)
    plays = rng.integers(0, 200, len(video))
    signals = rng.binomial(plays, rng.uniform(0.01, 0.4, (3, len(video))))
    counts = np.zeros((4, len(video)), np.uint32)
    counts[[PLAY, SHARE, REWIND, FAST_FORWARD], :] = np.vstack([plays, signals])
    names = [f"v{number:02d}" for number in range(_VIDEOS)]
    outputs = {
        name: SupervisedOutput(schema_version=1, video_id=name, model_version="m", category="ab"[place % 2], clips=())
        for place, name in enumerate(names)
    }
    part = PartitionPart(_lineage(), frozenset(), 1_790_000_000_000)
    return Snapshot(names, video, np.tile(np.arange(_CLIPS), _VIDEOS), counts, outputs, (part,))


def test_the_same_snapshot_gives_the_same_bytes() -> None:
    """Messages and rows hang on the snapshot alone."""
    one, other = (list(messages(_snapshot(), pairs_of(_snapshot()))) for _ in range(2))
    assert one == other
    assert pair_table(_snapshot(), pairs_of(_snapshot())) == pair_table(_snapshot(), pairs_of(_snapshot()))


def test_every_message_fulfils_the_contract() -> None:
    """Each video has one message, which the model of the topic takes."""
    found = [WeakPairs.model_validate_json(value) for _, value in messages(_snapshot(), pairs_of(_snapshot()))]
    assert [message.video_id for message in found] == _snapshot().videos
    assert {message.rule_version for message in found} == {RULE_VERSION}
    assert all(message.lineage == (_lineage(),) for message in found)


_MESSAGE = orjson.loads(topics()[WEAK_PAIRS].examples.valid[0])
_NUMBERS = ("preferred", "other", "preferred_exposures", "preferred_events", "other_exposures", "other_events")


@given(st.sampled_from(sorted(_MESSAGE["pairs"])), st.integers(0, 3).filter(lambda times: times != 1))
def test_columns_of_different_lengths_are_refused(column: str, times: int) -> None:
    """Whichever column is shorter or longer than the others: what belongs to which pair is not known."""
    said = _MESSAGE | {"pairs": _MESSAGE["pairs"] | {column: _MESSAGE["pairs"][column] * times}}
    with pytest.raises(ValidationError, match="different lengths"):
        WeakPairs.model_validate_json(orjson.dumps(said))


@given(st.sampled_from(_NUMBERS), st.integers(-(2**63), -1))
def test_clips_and_counts_below_zero_are_refused(column: str, number: int) -> None:
    """There are none such."""
    said = _MESSAGE | {"pairs": _MESSAGE["pairs"] | {column: [number]}}
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        WeakPairs.model_validate_json(orjson.dumps(said))


def test_rows_and_messages_say_the_same() -> None:
    """Topic and table hold the same pairs, with the same counts and confidence."""
    snapshot, pairs = _snapshot(), pairs_of(_snapshot())
    sent = set()
    for video, value in messages(snapshot, pairs):
        columns = orjson.loads(value)["pairs"]
        sent |= {(video, *pair) for pair in zip(*(columns[name] for name in _columns()), strict=True)}
    table = pair_table(snapshot, pairs).to_pylist()
    names = {"preferred": "preferred_clip", "other": "other_clip"}
    rows = {(row["preferred_video"], *(row[names.get(name, name)] for name in _columns())) for row in table}
    assert sent == rows
    assert len(rows) == len(table) > 100


def _columns() -> tuple[str, ...]:
    return (
        "kind",
        "preferred",
        "other_video",
        "other",
        "confidence",
        "preferred_exposures",
        "preferred_events",
        "other_exposures",
        "other_events",
    )


def test_only_clips_that_could_be_compared_are_paired() -> None:
    """Two clips of a pair are of one video, or of two videos of one category, and both were watched."""
    snapshot, pairs = _snapshot(), pairs_of(_snapshot())
    one, other = snapshot.video[pairs.preferred], snapshot.video[pairs.other]
    assert ((one == other) | (one % 2 == other % 2)).all()
    assert (pairs.preferred_counts[0] >= 5).all()
    assert (pairs.other_counts[0] >= 5).all()


def test_a_library_without_behaviour_has_no_pairs() -> None:
    """Clips that nobody has watched make empty messages, not errors."""
    silent = _snapshot()._replace(counts=np.zeros((4, _VIDEOS * _CLIPS), np.uint32))
    pairs = pairs_of(silent)
    assert len(pairs.preferred) == 0
    assert all(orjson.loads(value)["pairs"]["kind"] == [] for _, value in messages(silent, pairs))
    assert len(pair_table(silent, pairs)) == 0
