"""The job on Quix Streams: state in RocksDB with changelog topics, published at each checkpoint."""

import pickle
from typing import Any

import orjson
from quixstreams import Application, State
from quixstreams.sinks.base import BatchingSink, SinkBatch

from benchmarks.peers import job
from benchmarks.peers.assignment import FLUSH_S, Assignment, Meter, Sink


class ClickHouseSink(BatchingSink):
    """Publishes the newest row of each clip of a checkpoint."""

    def __init__(self, sink: Sink) -> None:
        """Publish to a sink."""
        super().__init__()
        self._sink = sink

    def write(self, batch: SinkBatch) -> None:
        """Insert a checkpoint's rows."""
        newest = {row[:2]: row for item in batch for row in item.value}
        self._sink.insert(job.row(*row) for row in newest.values())


def main() -> None:
    """Run the application."""
    given = Assignment.given()
    meter, sink = Meter(given), Sink(given)
    app = Application(
        broker_address=given.servers,
        consumer_group=f"bench-{given.name}",
        auto_offset_reset="earliest",
        commit_interval=FLUSH_S,
        state_dir=given.folder,
        loglevel="ERROR",
        consumer_poll_timeout=0.1,
        producer_extra_config={"linger.ms": 5, "compression.type": "lz4", "queue.buffering.max.messages": 1_000_000},
    )

    def process(value: bytes, state: State) -> list[tuple[Any, ...]]:
        if meter.add():
            app.stop()
        event = orjson.loads(value)
        key = f"session|{event['session_id']}"
        session = _loaded(state, key) or job.new_session()
        rows = []
        for count in job.interact(session, event):
            for clip_index in count.clips:
                name = f"clip|{clip_index}"
                clip = _loaded(state, name) or job.new_clip()
                job.add(clip, count.kind, count.time_ms)
                state.set_bytes(name, pickle.dumps(clip, 5))
                rows.append((event["video_id"], clip_index, clip, meter.events))
        state.set_bytes(key, pickle.dumps(session, 5))
        return rows

    frame = app.dataframe(app.topic(given.topic, value_deserializer="bytes"))
    frame.apply(process, stateful=True).sink(ClickHouseSink(sink))
    app.run()
    meter.report(sink.rows)


def _loaded(state: State, key: str) -> Any:
    value = state.get_bytes(key)
    return None if value is None else pickle.loads(value)


if __name__ == "__main__":
    main()
