"""The job on Bytewax: state in memory, one logic a video, with recovery snapshots at its default interval."""

import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from benchmarks.peers import job
from benchmarks.peers.assignment import Assignment, Meter, Sink

_EPOCH = timedelta(seconds=10)
_BATCH = 10_000

Change = tuple[int, job.Clip]


class Video(StatefulBatchLogic[bytes, tuple[int, list[Change]], bytes]):
    """The state of one video."""

    def __init__(self, snapshot: bytes | None) -> None:
        """Go on from a snapshot, if there is one."""
        self._sessions: dict[str, job.Session] = {}
        self._clips: dict[int, job.Clip] = {}
        if snapshot:
            self._sessions, self._clips = pickle.loads(snapshot)

    def on_batch(self, values: list[bytes]) -> tuple[list[tuple[int, list[Change]]], bool]:
        """Process events; tell how many, and the clips that they changed."""
        changed = {}
        for value in values:
            event = orjson.loads(value)
            session = self._sessions.setdefault(event["session_id"], job.new_session())
            for count in job.interact(session, event):
                for clip_index in count.clips:
                    clip = self._clips.setdefault(clip_index, job.new_clip())
                    job.add(clip, count.kind, count.time_ms)
                    changed[clip_index] = clip
        return [(len(values), list(changed.items()))], StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes:
        """Return a copy."""
        return pickle.dumps((self._sessions, self._clips), 5)


class ClickHousePartition(StatelessSinkPartition[tuple[str, tuple[int, list[Change]]]]):
    """Publishes each second the clips that have changed; ends the process when the meter says so."""

    def __init__(self, meter: Meter, sink: Sink) -> None:
        """Publish to a sink."""
        self._meter, self._sink = meter, sink
        self._changed: dict[tuple[str, int], job.Clip] = {}

    def write_batch(self, items: list[tuple[str, tuple[int, list[Change]]]]) -> None:
        """Take what videos tell."""
        for video_id, (events, changes) in items:
            self._changed.update(((video_id, clip_index), clip) for clip_index, clip in changes)
            is_last = self._meter.add(events)
            if is_last or self._sink.is_due:
                self._sink.insert(job.row(*place, clip, self._meter.events) for place, clip in self._changed.items())
                self._changed.clear()
            if is_last:
                self._meter.report(self._sink.rows)


class ClickHouseSink(DynamicSink[Any]):
    """The sink of one worker."""

    def __init__(self, given: Assignment) -> None:
        """Remember where."""
        self._given = given

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> ClickHousePartition:
        """Return the worker's."""
        return ClickHousePartition(Meter(self._given), Sink(self._given))


def main() -> None:
    """Run the flow."""
    given = Assignment.given()
    flow = Dataflow("bench")
    source = KafkaSource([given.servers], [given.topic], tail=True, batch_size=_BATCH)
    messages = op.input("read", flow, source)
    keyed = op.map("key", messages, _keyed)
    op.output("publish", op.stateful_batch("videos", keyed, Video), ClickHouseSink(given))
    folder = Path(given.folder)
    init_db_dir(folder, 1)
    cli_main(flow, epoch_interval=_EPOCH, recovery_config=RecoveryConfig(folder))


def _keyed(message: KafkaSourceMessage[bytes, bytes]) -> tuple[str, bytes]:
    return message.key.decode(), message.value


if __name__ == "__main__":
    main()
