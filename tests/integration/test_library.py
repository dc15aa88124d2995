"""The library over a real ClickHouse: what it reads, and what becomes of it when that fails."""

import asyncio

import pyarrow as pa
import pytest

from schemas.errors import DeliveryError
from streams.serving.library import Library
from streams.serving.live import Live
from streams.serving.query import FeedQuery
from streams.serving.snapshot import Snapshot
from tests.integration.running import START_MS, System
from tests.integration.watched import Watched


def _publish(system: System, video: str, *, clips: int = 1, version: int = 1, offset: int = -1, after_ms: int = 0) -> None:
    """Publish clips of a video, made with the supervised output at an offset, so long after the start."""
    system.client.command(
        "INSERT INTO clip_scores (video_id, clip_index, worth, event_at, supervised_offset, version, published_at)"
        " SELECT {video:String}, number, 5, now64(3), {offset:Int64}, {version:UInt64}, fromUnixTimestamp64Milli({at:Int64})"
        " FROM numbers({clips:UInt64})",
        {"video": video, "offset": offset, "version": version, "clips": clips, "at": START_MS + after_ms},
    )


def _tag(system: System, video: str, tag: str, offset: int) -> None:
    """Let a model say a tag of the first clip of a video."""
    system.client.command(
        "INSERT INTO supervised_outputs (video_id, clip_index, tags, category, source_offset)"
        " SELECT {video:String}, 0, map({tag:String}, 0.9), 'sports', {offset:UInt64}",
        {"video": video, "tag": tag, "offset": offset},
    )


def _found(snapshot: Snapshot, **filters: str) -> list[str]:
    return [item["clip_id"] for item in snapshot.items(snapshot.ranked(FeedQuery(**filters), 100))]


def test_a_read_that_fails_halfway_is_done_again(system: System) -> None:
    """Tags and category come with the next read, if the answer breaks off when the scores have been read, and they have not."""
    client = Watched(system.client)
    library = Library(client)
    _tag(system, "v1", "goal", 7)
    _publish(system, "v1", offset=7)
    client.fails = ("supervised_outputs", pa.ArrowInvalid("a batch of which half is missing"))
    with pytest.raises(DeliveryError, match="half is missing"):
        library.refresh()
    client.fails = None
    assert library.refresh()
    assert _found(library.snapshot("whole"), tag="goal", category="sports") == ["v1:0"]


async def test_the_reader_goes_on_after_any_error(system: System) -> None:
    """Whatever a read fails with, the next one is tried."""
    client = Watched(system.client)
    client.fails = ("clip_scores", ZeroDivisionError("what nobody has thought of"))
    live = Live(client)
    reader = asyncio.create_task(live.run())
    await asyncio.sleep(0.2)
    client.fails = None
    async with asyncio.timeout(30):
        while not live.is_fresh:
            await asyncio.sleep(0.05)
    reader.cancel()


def test_tags_of_which_nothing_is_left_are_gone(system: System) -> None:
    """A tag of another output takes the old one's place; what other clips have stays as it is, without a copy."""
    library = Library(system.client)
    _tag(system, "v1", "goal", 1)
    _tag(system, "v2", "talk", 2)
    _publish(system, "v1", offset=1)
    _publish(system, "v2", offset=2)
    library.refresh()
    before = library.snapshot("before")
    _tag(system, "v1", "crowd", 3)
    _publish(system, "v1", version=2, offset=3)
    library.refresh()
    after = library.snapshot("after")
    assert (sorted(before.tags), sorted(after.tags)) == (["goal", "talk"], ["crowd", "talk"])
    assert after.tags["talk"] is before.tags["talk"]
    assert [_found(snapshot, tag="goal") for snapshot in (before, after)] == [["v1:0"], []]
    assert [_found(snapshot, tag="crowd") for snapshot in (before, after)] == [[], ["v1:0"]]


def test_what_was_published_is_read_twice(system: System) -> None:
    """What brought nothing new at the second time is not asked for again; what was published before it and is seen later is."""
    client = Watched(system.client)
    library = Library(client)
    _publish(system, "v1", clips=50, after_ms=1_000)
    assert [library.refresh() for _ in range(4)] == [True, False, False, False]
    assert client.rows_of("clip_scores") == [50, 50, 0, 0]
    _publish(system, "v2", clips=30, after_ms=500)
    assert [library.refresh() for _ in range(3)] == [True, False, False]
    assert client.rows_of("clip_scores")[4:6] == [30, 30]
    assert len(library.snapshot("all").order) == 80
