"""What a lane's producers send: simulated viewers in drawn slices; some sent twice, some out of order, some poisoned."""

import time
from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import orjson

from schemas.exclusions import Excluded, ExclusionKind
from schemas.topics import INTERACTIONS, SUPERVISED_SCORES
from streams.exclusions import exclude, hashed, readmit
from streams.kafka import VerifiedProducer, topic_name
from streams.replay.simulate import SimulateSource
from streams.settings import Settings
from tests.chaos.poison import Message, huge, poisoned

EVENTS = 40_000
_HOURS_MS = 6 * 3_600_000
_SLICE = (20, 400)
_LONG_SLICE = 6_000
_PATIENCE_S = 300
"""Longer than any outage, on the slowest machine."""
_VIDEOS = 30
_READMITTED = 0.4


class Batch(StrEnum):
    """How a batch differs from what a good producer sends."""

    PLAIN = "plain"
    TWICE = "batch sent twice"
    OLD_AGAIN = "old batch sent again"
    REORDERED = "batch out of order"
    POISONED = "poisoned batch"
    HUGE = "10 MB value"
    LONG = "long batch"
    SUPERVISED = "supervised outputs sent again, withdrawn, broken"
    EXCLUSIONS = "sessions excluded and readmitted"


class Traffic:
    """Messages of one lane. The same seed gives the same, but for the time at which they start."""

    def __init__(self, seed: Sequence[int], settings: Settings, partitions: int) -> None:
        """Draw the simulated viewers."""
        self._rng = np.random.default_rng(seed)
        self._settings = settings
        self._partitions = partitions
        self._excluded: list[Excluded] = []
        self._now_ms = int(time.time() * 1_000)
        source = SimulateSource(
            seed=int(self._rng.integers(1 << 31)),
            events=EVENTS,
            start_ms=self._now_ms - _HOURS_MS,
            duration_ms=_HOURS_MS,
            videos=_VIDEOS,
        )
        self._outputs = list(source.supervised_messages())
        self._videos = [str(output["video_id"]).encode() for output in self._outputs]
        self._pool: list[Message] = [
            (key, value) for batch in source.batches() for key, value in zip(batch.keys, batch.values, strict=True)
        ]
        self._at = 0
        self._producer = VerifiedProducer(settings.kafka, **{"linger.ms": 0, "delivery.timeout.ms": 1_000 * _PATIENCE_S})
        self.sent = 0
        """Messages of the source topic that have arrived."""
        self.exclusions = 0
        """Messages of the topic of exclusions that have arrived."""

    @property
    def exhausted(self) -> bool:
        """Whether little is left of the simulated viewers."""
        return self._at > len(self._pool) - 2 * _LONG_SLICE

    def send(self, batch: Batch) -> None:
        """Send one batch."""
        if batch is Batch.SUPERVISED:
            self.send_supervised()
            return
        if batch is Batch.EXCLUSIONS:
            self._send_exclusions()
            return
        messages = self._messages(batch)
        self._deliver(INTERACTIONS, messages)
        self.sent += len(messages)

    def _messages(self, batch: Batch) -> list[Message]:
        if batch is Batch.OLD_AGAIN:
            start = int(self._rng.integers(max(1, self._at - _SLICE[1])))
            return self._pool[start : min(self._at, start + _SLICE[1])]
        fresh = self._next(_LONG_SLICE if batch is Batch.LONG else int(self._rng.integers(*_SLICE)))
        if batch is Batch.TWICE:
            return fresh + fresh
        if batch is Batch.REORDERED:
            return [fresh[place] for place in self._rng.permutation(len(fresh))]
        if batch is Batch.POISONED:
            return self._mixed(fresh)
        return [*fresh, (fresh[0][0], huge())] if batch is Batch.HUGE else fresh

    def _next(self, count: int) -> list[Message]:
        self._at += count
        return self._pool[self._at - count : self._at]

    def _mixed(self, fresh: list[Message]) -> list[Message]:
        bad = [poisoned(self._rng, self._now_ms - _HOURS_MS // 2, self._videos) for _ in range(len(fresh) // 2)]
        together = fresh + bad
        return [together[place] for place in self._rng.permutation(len(together))]

    def send_supervised(self) -> None:
        """Send supervised outputs of some videos; of one a withdrawal, of one something broken."""
        chosen = self._rng.permutation(len(self._outputs))[: len(self._outputs) // 2]
        messages: list[Message] = [(self._videos[place], orjson.dumps(self._outputs[place])) for place in chosen]
        messages[0] = (messages[0][0], None)
        messages[1] = (messages[1][0], b'{"schema_version":1,"clips":')
        self._deliver(SUPERVISED_SCORES, messages)

    def _send_exclusions(self) -> None:
        """Exclude a session that has done something, and readmit one that was excluded before."""
        _, value = self._pool[int(self._rng.integers(max(1, self._at)))]
        session = hashed(self._settings, ExclusionKind.SESSION, orjson.loads(value or b"")["session_id"])
        exclude(self._settings, self._partitions, [session], "chaos")
        back = self._excluded[:1] if self._rng.random() < _READMITTED else []
        readmit(self._settings, self._partitions, back)
        self._excluded = [*self._excluded[len(back) :], session]
        self.exclusions += (1 + len(back)) * self._partitions

    def _deliver(self, topic: str, messages: list[Message]) -> None:
        for key, value in messages:
            self._producer.send(topic_name(self._settings.kafka, topic), key=key, value=value)
        self._producer.verify(_PATIENCE_S)
