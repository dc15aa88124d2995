"""HEAD wherever there is GET."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Head:
    """An application that answers HEAD as GET: the server, which sees what was asked, sends the headers alone."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_head = scope["type"] == "http" and scope["method"] == "HEAD"
        await self._app({**scope, "method": "GET"} if is_head else scope, receive, send)
