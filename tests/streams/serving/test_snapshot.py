"""Ranking, filters and pages of one snapshot."""

from datetime import UTC, datetime

import numpy as np
import pytest

from streams.serving.cursors import Cursor
from streams.serving.feed import page_of
from streams.serving.query import FeedQuery
from streams.serving.snapshot import COLUMNS, Snapshot


@pytest.fixture
def snapshot() -> Snapshot:
    """10,000 clips of 100 videos with drawn values."""
    draw, count = np.random.default_rng(3), 10_000
    rows = {name: np.zeros(count, kind) for name, kind in COLUMNS.items()}
    rows["video"], rows["clip_index"] = np.arange(count) // 100, np.arange(count) % 100
    rows["category"], rows["exposures"] = draw.integers(0, 3, count), draw.integers(0, 50, count)
    rows["worth"], rows["score_high"] = draw.normal(5, 2, count), draw.uniform(0, 10, count)
    rows["event_at_ms"] = draw.integers(0, 2_000_000, count)
    tags = {"goal": draw.random(count) < 0.2}
    order = np.argsort(-rows["worth"], kind="stable").astype(np.uint32)
    names = [f"v{video}" for video in range(100)]
    return Snapshot("00000000-1", 7, rows, order, names, ["", "a", "b"], tags, np.full(count, b"{}", object))


@pytest.mark.parametrize("per_video", [0, 1, 3])
def test_pages(snapshot: Snapshot, per_video: int) -> None:
    """Pages one after another are the ranking, with no clip twice or missing."""
    whole, _ = snapshot.ranked(FeedQuery(per_video=per_video), 0, 20_000)
    query, offset, found = FeedQuery(limit=700, per_video=per_video), 0, []
    while True:
        page = page_of(snapshot, query, offset)
        found += [item["clip_id"] for item in page["items"]]
        if page["next"] is None:
            break
        offset = Cursor.parse(page["next"]).offset
    assert found == [item["clip_id"] for item in snapshot.items(whole)]
    assert len(set(found)) == len(found) == (100 * per_video or 10_000)


def test_filters(snapshot: Snapshot) -> None:
    """What a filter leaves is what the rows say, in the order of the ranking."""
    rows, order = snapshot.rows, snapshot.order
    for query, passes in (
        (FeedQuery(category="a"), rows["category"] == 1),
        (FeedQuery(category="none"), np.zeros(len(order), bool)),
        (FeedQuery(video="v7"), rows["video"] == 7),
        (FeedQuery(tag="goal"), snapshot.tags["goal"]),
        (FeedQuery(minimum_evidence=30), rows["exposures"] >= 30),
        (FeedQuery(minimum_confidence=0.75), 1 - (rows["score_high"] - rows["score_low"]) / 10 >= 0.75),
        (FeedQuery(since=datetime.fromtimestamp(1_000, UTC)), rows["event_at_ms"] >= 1_000_000),
    ):
        assert snapshot.ranked(query, 0, len(order))[0] == order[passes[order]].tolist()
