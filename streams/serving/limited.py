"""So many requests at once, and no more."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from streams.serving.problems import problem

_ALWAYS_ANSWERED: Final = "/health/"


class Limited:
    """An application that refuses what is too much with 503, but says how it is whenever it is asked."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        """Stand before an application that answers so many requests at once."""
        self._app, self._most, self._open = app, most, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. A stream is one until it ends."""
        if scope["type"] != "http" or scope["path"].startswith(_ALWAYS_ANSWERED):
            await self._app(scope, receive, send)
        elif self._open >= self._most:
            busy = problem(503, f"{self._most} requests are being answered; try again", headers={"Retry-After": "5"})
            await busy(scope, receive, send)
        else:
            self._open += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._open -= 1
