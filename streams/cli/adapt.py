"""`highlights adapt`: another system's events, from their topic to topic `interactions`."""

import signal
import threading
from dataclasses import asdict
from typing import Any

from streams import logs
from streams.adapters.adapter import EventSource
from streams.adapters.forward import Forwarder
from streams.kafka import ensure_topics
from streams.settings import Settings


def adapt(settings: Settings, source: EventSource, topic: str) -> dict[str, Any]:
    """Forward until SIGTERM or SIGINT; return what was done."""
    logs.configure(settings.log_format)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    ensure_topics(settings.kafka, settings.group)
    return asdict(Forwarder(settings, source, topic).run(stop.is_set))
