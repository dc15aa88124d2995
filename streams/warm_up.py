"""Compiling the hot path before it is needed: some 30 s on a new machine, and a moment ever after."""

from collections.abc import Sequence

import numpy as np

from schemas.byte_column import ByteColumn
from schemas.interactions import KINDS
from schemas.ranker import CURRENT_KEY, CurrentRelease, RankerClip, RankerScores
from schemas.supervised import SupervisedClip, SupervisedOutput
from streams.chunks import Chunk
from streams.record_batches import RecordBatch
from streams.recovery import state_of
from streams.settings import Settings
from streams.state import PartitionState
from streams.state_key import StateKey

_TIME_MS = 1_790_000_000_000
_EMPTY_RECORD = b"\x0c\0\0\0\x01\x01\0"


def warm_up(key: StateKey) -> None:
    """Run a few interactions, and what models and a ranker say of their clips, through a state of their own."""
    Chunk.of("", 0, [RecordBatch(_EMPTY_RECORD, 1, 0, 0, _TIME_MS, False)])
    state = PartitionState(0, 1, key)
    spans = {"play": (0, 60), "share": (20, 40), "rewind": (50, 10), "fast_forward": (10, 60)}
    interactions = [
        (
            f'{{"schema_version":1,"kind":"{kind}","video_id":"v","session_id":"s","occurred_at_ms":{_TIME_MS + 9_000 * place},'
            f'"from_s":{spans[kind][0]},"to_s":{spans[kind][1]}}}'
        ).encode()
        for place, kind in enumerate((*KINDS, "play"))
    ]
    clips = (RankerClip(clip_index=1, score_mean=5.0, score_sd=1.0),)
    supervised = SupervisedClip(clip_index=1, score_mean=5.0, score_sd=1.0)
    output = SupervisedOutput(schema_version=1, video_id="v", model_version="m", clips=(supervised,))
    ranked = RankerScores(schema_version=1, release="r", video_id="v", clips=clips)
    current = CurrentRelease(schema_version=1, release="r", videos=1)
    state.apply_interactions(_chunk(interactions))
    state.apply_supervised(_chunk([output.model_dump_json().encode()], [b"v"]))
    state.apply_ranker(_chunk([part.model_dump_json().encode() for part in (ranked, current)], [ranked.key, CURRENT_KEY]))
    flush = state.take_flush()
    records = {record.key: record.value for record in flush.records if record.value is not None} if flush else {}
    state_of(records, 0, 1, key)


def _chunk(values: Sequence[bytes], keys: Sequence[bytes | None] = ()) -> Chunk:
    count = len(values)
    stamps = np.full(count, _TIME_MS + 100_000, np.int64)
    nothing = ByteColumn.of([None] * count)
    return Chunk("", 0, ByteColumn.of(values), ByteColumn.of(keys) if keys else nothing, nothing, np.arange(count), stamps)


def _warm_up_simulator() -> None:
    from streams.replay.simulate import SimulateSource

    for _batch in SimulateSource(seed=0, events=1_000, start_ms=_TIME_MS, videos=20).batches():
        pass


if __name__ == "__main__":
    warm_up(StateKey.of(Settings()))
    _warm_up_simulator()
