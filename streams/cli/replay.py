"""`highlights replay`: a source of interactions, sent to Kafka with a progress bar."""

import time
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from schemas.errors import ConfigurationError
from streams.adapters.adapter import EventSource
from streams.cli.output import errors
from streams.cli.replay_request import Request, Source
from streams.kafka import ensure_topics
from streams.replay.adapted import AdaptedSource
from streams.replay.jsonl import JsonLinesSource
from streams.replay.publish import publish_interactions, publish_supervised
from streams.replay.simulate import SimulateSource
from streams.replay.source import ReplaySource
from streams.settings import Settings

_HOUR_MS = 3_600_000
_SIMULATED_EVENTS = 100_000


def replay(settings: Settings, request: Request) -> dict[str, Any]:
    """Send the interactions that were asked for; return what was sent."""
    _check(request)
    source, limit = _open(settings, request, now_ms())
    ensure_topics(settings.kafka, settings.group)
    result: dict[str, Any] = {"source": request.source.value}
    started = time.monotonic()
    if isinstance(source, SimulateSource):
        result["supervised_videos"] = publish_supervised(source.supervised_messages(), settings.kafka)
    with progress_bar() as progress:
        task = progress.add_task("interactions", total=source.expected_events)
        result["interactions"] = publish_interactions(
            source, settings.kafka, rate=request.rate, limit=limit, sent=lambda count: progress.advance(task, count)
        )
    return result | {"seconds": time.monotonic() - started}


def _check(request: Request) -> None:
    """Refuse what a source would not look at.

    Raises:
        ConfigurationError: a file or folder is named that the source does not read.
    """
    if request.file is not None and request.source in (Source.SIMULATE, Source.TVSUM):
        message = f"--source {request.source} reads no FILE: name whose events {request.file} has, as in --source jsonl"
        raise ConfigurationError(message)
    if request.data is not None and request.source is not Source.TVSUM:
        message = f"--source {request.source} reads no --data: --source tvsum does"
        raise ConfigurationError(message)


def _open(settings: Settings, request: Request, now: int) -> tuple[ReplaySource, int | None]:
    if request.source is Source.SIMULATE:
        events = request.events or _SIMULATED_EVENTS
        return SimulateSource(seed=request.seed, events=events, start_ms=now - 6 * _HOUR_MS, videos=request.videos), None
    if request.source is Source.TVSUM:
        from streams.replay.tvsum import TvsumSource

        if request.data is None:
            message = "--source tvsum needs --data DIR, the folder that holds tvsum/ydata-tvsum50.mat"
            raise ConfigurationError(message)
        start = now - 2 * _HOUR_MS
        tvsum = TvsumSource(request.data, seed=request.seed, start_ms=start, extra_viewers_per_annotator=request.viewers)
        return tvsum, request.events
    if request.file is None:
        message = f"--source {request.source} needs a FILE, one JSON object a line; - is standard input"
        raise ConfigurationError(message)
    if request.source is Source.JSONL:
        return JsonLinesSource(request.file), request.events
    idle_ms = int(settings.statistics.session_window_hours * _HOUR_MS)
    return AdaptedSource(EventSource(request.source.value), request.file, idle_ms), request.events


def now_ms() -> int:
    """Return the time, Unix ms."""
    return time.time_ns() // 1_000_000


def progress_bar() -> Progress:
    """Return a progress bar on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=errors)
