"""Compiling the hot path before it is needed: some 15 s on a new machine, and a moment ever after."""

import numpy as np

from schemas.interactions import KINDS
from streams.chunks import Chunk
from streams.settings import Settings
from streams.state import PartitionState, StateKey

_TIME_MS = 1_790_000_000_000


def warm_up(key: StateKey) -> None:
    """Run a few interactions through a state of their own."""
    state = PartitionState(0, 1, key)
    spans = {"play": (0, 60), "share": (20, 40), "rewind": (50, 10), "fast_forward": (10, 60)}
    values: list[bytes | None] = [
        (
            f'{{"schema_version":1,"kind":"{kind}","video_id":"v","session_id":"s","occurred_at_ms":{_TIME_MS + 9_000 * place},'
            f'"from_s":{spans[kind][0]},"to_s":{spans[kind][1]}}}'
        ).encode()
        for place, kind in enumerate((*KINDS, "play"))
    ]
    count = len(values)
    stamps = np.full(count, _TIME_MS + 100_000, np.int64)
    state.apply_interactions(Chunk("", 0, values, [None] * count, [()] * count, np.arange(count), stamps))
    flush = state.take_flush()
    again = PartitionState(0, 1, key)
    for record_key, value in flush.records if flush else []:
        again.recover(record_key, value)
    again.finish_recovery()


def _warm_up_simulator() -> None:
    from streams.replay.simulate import SimulateSource

    for _batch in SimulateSource(seed=0, events=1_000, start_ms=_TIME_MS, videos=20).batches():
        pass


if __name__ == "__main__":
    warm_up(StateKey.of(Settings()))
    _warm_up_simulator()
