"""A feed's top N as server-sent events: how it stands, then each time it changes."""

from collections.abc import AsyncIterator

import orjson
from fastapi.sse import ServerSentEvent

from streams import metrics
from streams.serving.feed import page_of
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
            page = page_of(snapshot, rankings.of(snapshot, query), 0, query.limit)
            items = orjson.dumps(page["items"])
            if items != shown:
                yield ServerSentEvent(event=event, raw_data=orjson.dumps(page).decode())
                shown, event = items, "change"
            await changed.wait()
