"""What `highlights replay` can be asked for."""

from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from streams.adapters.adapter import EventSource


class Source(StrEnum):
    """Where interactions come from."""

    SIMULATE = "simulate"
    TVSUM = "tvsum"
    JSONL = "jsonl"
    OPENEDX = EventSource.OPENEDX.value
    XAPI = EventSource.XAPI.value
    SEGMENT = EventSource.SEGMENT.value
    SNOWPLOW = EventSource.SNOWPLOW.value
    HEARTBEATS = EventSource.HEARTBEATS.value


class Request(NamedTuple):
    """What is to be replayed, as the command line says it."""

    source: Source
    file: Path | None
    data: Path | None
    events: int | None
    videos: int
    viewers: int
    seed: int
    rate: float | None
