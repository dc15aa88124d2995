"""The job that peers are measured with is ours: the same counts and, where behaviour is all that is known, the same scores."""

from collections import defaultdict

import numpy as np
import orjson
import pytest

from benchmarks.peers import job
from schemas.byte_column import ByteColumn
from schemas.columns import decode
from schemas.hashing import hash_key
from scoring.statistics.aggregation import Rules
from scoring.statistics.partition import PartitionStatistics
from streams.replay.simulate import SimulateSource

_START_MS = 1_790_000_000_000
_KEY = hash_key(bytes(range(16)))
_RULES = Rules(half_life_ms=72 * 3_600_000, session_window_ms=6 * 3_600_000, max_clock_skew_ms=600_000)


@pytest.fixture(scope="module")
def messages() -> list[bytes]:
    """Return interactions of half an hour, so that no session is forgotten."""
    source = SimulateSource(seed=1, events=20_000, videos=8, start_ms=_START_MS, duration_ms=1_800_000)
    return [value for batch in source.batches() for value in batch.values]


@pytest.fixture(scope="module")
def ours(messages: list[bytes]) -> PartitionStatistics:
    """Return the statistics of these messages."""
    statistics = PartitionStatistics(0, 1, _RULES, _KEY)
    columns, _ = decode(ByteColumn.of(messages), _KEY, 1 << 16)
    statistics.apply(columns, np.arange(len(messages)), np.full(len(messages), _START_MS + 86_400_000))
    return statistics


@pytest.fixture(scope="module")
def theirs(messages: list[bytes]) -> dict[tuple[str, int], job.Clip]:
    """Return the clips that the peers' job makes of them."""
    sessions: defaultdict[tuple[str, str], job.Session] = defaultdict(job.new_session)
    clips: defaultdict[tuple[str, int], job.Clip] = defaultdict(job.new_clip)
    for message in messages:
        event = orjson.loads(message)
        for count in job.interact(sessions[event["video_id"], event["session_id"]], event):
            for clip in count.clips:
                job.add(clips[event["video_id"], clip], count.kind, count.time_ms)
    return dict(clips)


def test_the_peers_job_counts_as_we_do(ours: PartitionStatistics, theirs: dict[tuple[str, int], job.Clip]) -> None:
    """Distinct sessions of each clip and kind are equal."""
    known = ours.known_clips()
    names = [ours.video_ids[video].decode() for video in ours.pages.video[known.row].tolist()]
    places = zip(names, ours.signals(known).clip_index.tolist(), strict=True)
    counts = ours.pages.counts[known.row, :, known.clip].tolist()
    assert dict(zip(places, counts, strict=True)) == {place: clip[:4] for place, clip in theirs.items()}


def test_the_peers_job_scores_as_we_do(ours: PartitionStatistics, theirs: dict[tuple[str, int], job.Clip]) -> None:
    """Scores differ by the rounding of decayed sums alone: a fit of the prior and supervised outputs are not the peers' job."""
    known = ours.known_clips()
    names = [ours.video_ids[video].decode() for video in ours.pages.video[known.row].tolist()]
    signals, fused = ours.fuse(known)
    places = zip(names, signals.clip_index.tolist(), strict=True)
    found = np.array([job.score(theirs[place]) for place in places])
    np.testing.assert_allclose(found, np.column_stack([fused.score, fused.low, fused.high]), atol=0.02)
