"""One adapter: raw events of a source in, interactions out."""

from collections.abc import Mapping
from enum import StrEnum
from types import ModuleType
from typing import Any, Final, NamedTuple

import orjson
from pydantic import ValidationError

from schemas.dead_letters import Reason, Rejection, rejection_of
from schemas.interactions import Interaction
from streams.adapters import heartbeats, openedx, segment, snowplow, xapi
from streams.adapters.moment import Unreadable, optional
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


class Unread(NamedTuple):
    """An event that makes nothing, since it cannot be read."""

    value: bytes | None
    """Its message; of one among many in a message, it alone."""
    rejection: Rejection


class Adapted(NamedTuple):
    """What has become of a message."""

    interactions: list[Interaction]
    unread: list[Unread]


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

    def adapt(self, value: bytes | None, offset: int = 0, received_ms: int | None = None) -> Adapted:
        """Return the interactions that a message's events make, none where they say nothing of watching, and what cannot be read.

        Args:
            value: the message: an event, or many.
            offset: its place in the stream.
            received_ms: when it was received, None where that is not known.
        """
        adapted = Adapted([], [])
        try:
            events = _events(value)
        except Unreadable as error:
            return Adapted([], [Unread(value, error.rejection)])
        for event in events:
            made = self._adapt_one(event, offset, received_ms)
            if isinstance(made, Rejection):
                adapted.unread.append(Unread(value if len(events) == 1 else orjson.dumps(event), made))
            else:
                adapted.interactions.extend(made)
        return adapted

    def _adapt_one(self, event: Any, offset: int, received_ms: int | None) -> list[Interaction] | Rejection:
        try:
            if not isinstance(event, Mapping):
                raise Unreadable(Reason.INVALID_FIELD, f"message = {event!r:.80}: a JSON object is needed, or an array of them")
            moments = list(self._moments(event))
            return self._spans.apply(moments, offset, received_ms) if moments else []
        except Unreadable as error:
            return error.rejection
        except ValidationError as error:
            return rejection_of(error)


def _events(value: bytes | None) -> list[Any]:
    """Return the events of a message: of an array, as statements of xAPI are posted, and of Segment's `batch` each.

    Raises:
        Unreadable: it is no JSON.
    """
    if not value:
        raise Unreadable(Reason.EMPTY_VALUE, "a message without a value says nothing")
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Unreadable(Reason.INVALID_JSON, str(error)) from error
    batch = optional(event, "batch")
    found = batch if isinstance(batch, list) else event
    return found if isinstance(found, list) else [found]
