"""Ranking, filters and pages of one snapshot."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count, islice, repeat
from typing import Any

import numpy as np
import orjson
import pytest

from streams.serving.feed import items, page
from streams.serving.problems import ParameterError
from streams.serving.query import FeedQuery, PageQuery
from streams.serving.rankings import DEEPEST, Ranking, Rankings
from streams.serving.snapshot import COLUMNS, Snapshot


@pytest.fixture
def snapshot() -> Snapshot:
    """10,000 clips of 100 videos with drawn values."""
    draw, clips = np.random.default_rng(3), 10_000
    rows = {name: np.zeros(clips, kind) for name, kind in COLUMNS.items()}
    rows["video"], rows["clip_index"] = np.arange(clips) // 100, np.arange(clips) % 100
    rows["category"], rows["exposures"] = draw.integers(0, 3, clips), draw.integers(0, 50, clips)
    rows["worth"], rows["score_high"] = draw.normal(5, 2, clips), draw.uniform(0, 10, clips)
    rows["event_at_ms"], rows["known"] = draw.integers(0, 2_000_000, clips), np.ones(clips, bool)
    rows["event_at_ms"][::9] = -1
    tags = {"goal": np.flatnonzero(draw.random(clips) < 0.2).astype(np.uint32)}
    order = np.argsort(-rows["worth"], kind="stable").astype(np.uint32)
    names = [f"v{video}" for video in range(100)]
    return Snapshot("00000000-1", 7, rows, order, names, ["", "a", "b"], tags, np.full(clips, b"{}", object))


def _moving(snapshot: Snapshot) -> Iterator[Snapshot]:
    """Yield a snapshot, then newer ones in which scores and evidence have changed, and with a clip more each."""
    draw, newer = np.random.default_rng(4), snapshot
    for number in count(2):
        yield newer
        rows = {name: np.append(column, column[:1]) for name, column in newer.rows.items()}
        rows["exposures"], rows["worth"] = draw.integers(0, 50, len(rows["worth"])), draw.normal(5, 2, len(rows["worth"]))
        order = np.argsort(-rows["worth"], kind="stable").astype(np.uint32)
        newer = replace(newer, name=f"00000000-{number}", rows=rows, order=order, tags_json=np.append(newer.tags_json, b"{}"))


def _page(snapshot: Snapshot, ranking: Ranking, first: int, limit: int) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(page(snapshot, ranking, first, limit))
    return told


def _pages(rankings: Rankings, snapshots: Iterator[Snapshot], limit: int, **filters: Any) -> list[str]:
    """Return the clips of all pages, each page asked for when the next of some snapshots is the newest."""
    cursor, found = "", []
    for snapshot in snapshots:
        ranking, first = rankings.place_of(snapshot, PageQuery(limit=limit, cursor=cursor, **filters))
        told = _page(snapshot, ranking, first, limit)
        found += [item["clip_id"] for item in told["items"]]
        cursor = told["next"]
        if cursor is None:
            break
    return found


@pytest.mark.parametrize("per_video", [0, 1, 3])
def test_pages(snapshot: Snapshot, per_video: int) -> None:
    """Pages one after another are the ranking, with no clip twice or missing."""
    whole = snapshot.ranked(FeedQuery(per_video=per_video), DEEPEST)
    found = _pages(Rankings(1), repeat(snapshot), 700, per_video=per_video)
    assert found == [item["clip_id"] for item in snapshot.items(whole)]
    assert len(set(found)) == len(found) == (100 * per_video or DEEPEST)


def test_pages_hold_still_while_scores_move(snapshot: Snapshot) -> None:
    """With all scores drawn anew between two pages, and clips added, they are the first page's ranking all the same."""
    whole = [item["clip_id"] for item in snapshot.items(snapshot.ranked(FeedQuery(minimum_evidence=20), DEEPEST))]
    assert _pages(Rankings(1), _moving(snapshot), 700, minimum_evidence=20) == whole


def test_a_page_has_the_values_of_now(snapshot: Snapshot) -> None:
    """The order is the ranking's; a clip's numbers are those of the newest snapshot, and one that is gone from it is left out."""
    rankings, newer = Rankings(1), next(islice(_moving(snapshot), 3, None))
    ranking = rankings.of(snapshot, FeedQuery())
    newer.rows["known"][ranking.places[1]] = False
    shown = [(item["clip_id"], item["worth"]) for item in _page(newer, ranking, 0, 3)["items"]]
    left = ranking.places[[0, 2]]
    assert [name for name, _ in shown] == [item["clip_id"] for item in snapshot.items(left)]
    assert [worth for _, worth in shown] == newer.rows["worth"][left].tolist() != snapshot.rows["worth"][left].tolist()


def test_clips_are_written_once(snapshot: Snapshot) -> None:
    """Pages and streams of the same ranking and size share the bytes of their clips; those of another size have their own."""
    ranking = Rankings(1).of(snapshot, FeedQuery())
    assert items(snapshot, ranking, 0, 5) is items(snapshot, ranking, 0, 5)
    assert len(orjson.loads(items(snapshot, ranking, 0, 6))) == 6


def test_a_ranking_ends(snapshot: Snapshot) -> None:
    """It has no more clips than it says, keeps no others in memory, and its last page has no next."""
    ranking = Rankings(1).of(snapshot, FeedQuery())
    assert len(ranking.places) == DEEPEST < len(snapshot.order)
    assert ranking.places.base is None
    assert _page(snapshot, ranking, DEEPEST - 10, 10)["next"] is None
    assert _page(snapshot, ranking, DEEPEST - 10, 9)["next"] is not None


def test_the_ranking_used_longest_ago_goes_first(snapshot: Snapshot) -> None:
    """A reader who goes on from page to page keeps his ranking, however many others ask; one who does not is told."""
    rankings = Rankings(2)
    kept, gone = (str(rankings.of(snapshot, FeedQuery(minimum_evidence=least)).cursor(5)) for least in (1, 2))
    for least in range(3, 9):
        assert rankings.place_of(snapshot, PageQuery(minimum_evidence=1, cursor=kept))[1] == 5
        rankings.of(snapshot, FeedQuery(minimum_evidence=least))
    with pytest.raises(ParameterError, match="no longer kept"):
        rankings.place_of(snapshot, PageQuery(minimum_evidence=2, cursor=gone))


def test_filters(snapshot: Snapshot) -> None:
    """What a filter leaves is what the rows say, in the order of the ranking."""
    rows, order = snapshot.rows, snapshot.order
    for query, passes in (
        (FeedQuery(category="a"), rows["category"] == 1),
        (FeedQuery(category="none"), np.zeros(len(order), bool)),
        (FeedQuery(video="v7"), rows["video"] == 7),
        (FeedQuery(tag="goal"), np.isin(np.arange(len(order)), snapshot.tags["goal"])),
        (FeedQuery(tag="none"), np.zeros(len(order), bool)),
        (FeedQuery(minimum_evidence=30), rows["exposures"] >= 30),
        (FeedQuery(minimum_confidence=0.75), 1 - (rows["score_high"] - rows["score_low"]) / 10 >= 0.75),
        (FeedQuery(since=datetime.fromtimestamp(1_000, UTC)), rows["event_at_ms"] >= 1_000_000),
        (FeedQuery(since=datetime(1960, 1, 1, tzinfo=UTC)), rows["event_at_ms"] >= 0),
    ):
        assert snapshot.ranked(query, len(order)).tolist() == order[passes[order]].tolist()
        assert snapshot.ranked(query, 7).tolist() == order[passes[order]][:7].tolist()
