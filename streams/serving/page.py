"""The page: static files, under a policy that lets the browser ask nobody but this server, and keep nothing unasked."""

from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_STATIC: Final = Path(__file__).parent / "static"
_POLICY: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
_HEADERS: Final = [(name.encode(), value.encode()) for name, value in _POLICY.items()]


def add_page(app: FastAPI) -> None:
    """Serve the page at `/`, and its parts below `/static`."""
    files = StaticFiles(directory=_STATIC)
    app.mount("/static", files)

    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

    app.add_middleware(_Protected)


class _Protected:
    """An application whose every answer carries the policy, and is asked for again: modules of two versions do not fit."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def protect(message: Message) -> None:
            if message["type"] == "http.response.start":
                named = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(header for header in _HEADERS if header[0] not in named)]
            await send(message)

        await self._app(scope, receive, protect if scope["type"] == "http" else send)
