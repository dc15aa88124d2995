"""How old a change is when a stream of the feed tells of it: somebody plays a clip again and again, and a stream watches it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
import numpy as np
from numpy.typing import NDArray

from schemas.interactions import Interaction
from schemas.topics import INTERACTIONS
from streams.kafka import VerifiedProducer, topic_name
from streams.settings import KafkaSettings

_WATCHED: Final = "watched-by-the-benchmark"
_PLAYS_PER_S: Final = 7
"""No multiple of the flushes' rate, so that plays come at all times between two of them."""


class Plays:
    """Plays of one clip, and when a stream has told of each: the clip's number of sessions says which are in."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Begin without any."""
        self._producer, self._topic = VerifiedProducer(kafka, **{"linger.ms": 0}), topic_name(kafka, INTERACTIONS)
        self._sent_at: list[float] = []
        self._seen_at: list[float] = []

    @property
    def ages_s(self) -> NDArray[np.float64]:
        """Of each play that was seen, but the first: from sending it until the stream told of it."""
        return np.array([seen - sent for sent, seen in zip(self._sent_at, self._seen_at, strict=False)][1:])

    def play(self) -> None:
        """Let one more session play the clip."""
        number = len(self._sent_at)
        play = Interaction(
            schema_version=1,
            kind="play",
            video_id=_WATCHED,
            session_id=f"session-{number}",
            occurred_at_ms=int(time.time() * 1000),
            from_s=0.0,
            to_s=10.0,
        )
        self._sent_at.append(time.monotonic())
        self._producer.send(self._topic, key=_WATCHED.encode(), value=play.to_json())
        self._producer.poll()

    async def go_on(self, seconds: float) -> None:
        """Play for a while."""
        for _ in range(int(seconds * _PLAYS_PER_S)):
            self.play()
            await asyncio.sleep(1 / _PLAYS_PER_S)
        self._producer.verify()

    async def watch(self, session: aiohttp.ClientSession) -> None:
        """Follow the feed of the clip's video."""
        address = f"/v1/stream?limit=5&video={_WATCHED}"
        async with session.get(address, timeout=aiohttp.ClientTimeout(total=None)) as answer:
            async for page in _pages(answer):
                sessions = max((item["exposures"] for item in page["items"]), default=0)
                self._seen_at += [time.monotonic()] * (sessions - len(self._seen_at))

    async def all_seen(self) -> None:
        """Wait until the stream has told of each play."""
        while len(self._seen_at) < len(self._sent_at):
            await asyncio.sleep(0.05)


async def _pages(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    async for line in answer.content:
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))
