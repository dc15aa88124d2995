"""One adapter: raw events of a source in, interactions out."""

from enum import StrEnum
from types import ModuleType
from typing import Final

import orjson
from pydantic import ValidationError

from schemas.dead_letters import Reason, Rejection, rejection_of
from schemas.interactions import Interaction
from streams.adapters import heartbeats, openedx, segment, snowplow, xapi
from streams.adapters.moment import Unreadable
from streams.adapters.spans import Spans


class EventSource(StrEnum):
    """Whose events."""

    OPENEDX = "openedx"
    XAPI = "xapi"
    SEGMENT = "segment"
    SNOWPLOW = "snowplow"
    HEARTBEATS = "heartbeats"


_MODULES: Final[dict[EventSource, ModuleType]] = {
    EventSource.OPENEDX: openedx,
    EventSource.XAPI: xapi,
    EventSource.SEGMENT: segment,
    EventSource.SNOWPLOW: snowplow,
    EventSource.HEARTBEATS: heartbeats,
}


class Adapter:
    """Turns the events of one stream, in their order, into interactions."""

    def __init__(self, source: EventSource, idle_ms: int) -> None:
        """Start without players.

        Args:
            source: whose events.
            idle_ms: a player of which nothing was received for longer is forgotten.
        """
        self._moments = _MODULES[source].moments
        self._spans = Spans(idle_ms)

    @property
    def first_offset(self) -> int | None:
        """The offset from which this adapter's state can be made again; None when it has none."""
        return self._spans.first_offset

    def adapt(self, value: bytes | None, offset: int = 0, received_ms: int = 0) -> list[Interaction] | Rejection:
        """Return the interactions that an event makes, none where it says nothing of watching, or why it cannot be read."""
        if not value:
            return Rejection(Reason.EMPTY_VALUE, "a message without a value says nothing")
        try:
            event = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            return Rejection(Reason.INVALID_JSON, str(error))
        try:
            moments = list(self._moments(event))
            return [made for moment in moments for made in self._spans.apply(moment, offset, received_ms)]
        except Unreadable as error:
            return error.rejection
        except ValidationError as error:
            return rejection_of(error)
