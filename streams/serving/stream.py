"""A feed's top N as server-sent events: how it stands, then each time it changes."""

from collections.abc import AsyncIterator

from fastapi.sse import ServerSentEvent

from streams import metrics
from streams.serving.feed import items, page
from streams.serving.live import Live
from streams.serving.query import FeedQuery
from streams.serving.rankings import Rankings


async def changes(live: Live, rankings: Rankings, query: FeedQuery) -> AsyncIterator[ServerSentEvent]:
    """Yield event `snapshot`, then event `change` with the whole new top N whenever its clips, order or scores differ."""
    shown, event = b"", "snapshot"
    with metrics.STREAMS.track_inprogress():
        while True:
            changed = live.changed
            snapshot = live.current
            ranking = rankings.of(snapshot, query)
            clips = items(snapshot, ranking, 0, query.limit)
            if clips != shown:
                yield ServerSentEvent(event=event, raw_data=page(snapshot, ranking, 0, query.limit).decode())
                shown, event = clips, "change"
            await changed.wait()
