"""HEAD wherever there is GET."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

_STREAM: Final = "/v1/stream"


class Head:
    """An application that answers HEAD as GET: the server, which sees what was asked, sends the headers alone.

    But not for a stream, whose answer has no end.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_head = scope["type"] == "http" and scope["method"] == "HEAD" and scope["path"] != _STREAM
        await self._app({**scope, "method": "GET"} if is_head else scope, receive, send)
