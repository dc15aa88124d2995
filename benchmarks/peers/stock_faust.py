"""The job as a stock Faust application: an agent, two tables with their changelogs, a timer that publishes."""

import asyncio
import pickle
import sys
from typing import Any

import faust
import orjson

from benchmarks.peers import job
from benchmarks.peers.assignment import FLUSH_S, Assignment, Meter, Sink


def main() -> None:
    """Run the worker."""
    given = Assignment.given()
    meter, sink = Meter(given), Sink(given)
    app = faust.App(
        f"bench-{given.name}",
        broker=f"kafka://{given.servers}",
        topic_partitions=given.partitions,
        topic_replication_factor=1,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
        datadir=given.folder,
        broker_commit_interval=FLUSH_S,
    )
    # Bytes, for sets of clips are integers longer than its JSON takes.
    sessions: Any = app.Table("sessions", key_type=str, value_type=bytes)
    clips: Any = app.Table("clips", key_type=str, value_type=bytes)
    changed: dict[str, job.Clip] = {}
    is_over = asyncio.Event()

    @app.agent(app.topic(given.topic, value_serializer="raw", key_serializer="raw"))
    async def process(stream: faust.StreamT) -> None:
        async for value in stream:
            is_last = meter.add()
            event = orjson.loads(value)
            video_id = event["video_id"]
            session_key = f"{video_id}|{event['session_id']}"
            session = _loaded(sessions, session_key) or job.new_session()
            for count in job.interact(session, event):
                for clip_index in count.clips:
                    key = f"{video_id}:{clip_index}"
                    clip = _loaded(clips, key) or job.new_clip()
                    job.add(clip, count.kind, count.time_ms)
                    clips[key] = pickle.dumps(clip, 5)
                    changed[key] = clip
            sessions[session_key] = pickle.dumps(session, 5)
            if is_last:
                is_over.set()
                await asyncio.Event().wait()

    async def publish() -> None:
        taken = dict(changed)
        changed.clear()
        rows = [job.row(*_place(key), clip, meter.events) for key, clip in taken.items()]
        await asyncio.to_thread(sink.insert, rows)

    @app.timer(FLUSH_S)
    async def publish_often() -> None:
        await publish()

    @app.task
    async def finish() -> None:
        await is_over.wait()
        await publish()
        await app.producer.flush()
        meter.report(sink.rows)

    app.Worker(loglevel="ERROR").execute_from_commandline()


def _loaded(table: Any, key: str) -> Any:
    value = table.get(key)
    return None if value is None else pickle.loads(value)


def _place(key: str) -> tuple[str, int]:
    video_id, _, clip_index = key.rpartition(":")
    return video_id, int(clip_index)


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker"]
    main()
