"""Every request is counted, timed and traced."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams import metrics, tracing


class Measured:
    """An application with what Prometheus and traces tell of its answers."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. A stream's span, as its count, is there when the stream ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                metrics.REQUEST_SECONDS.labels(_route(scope)).observe(time.perf_counter() - started)
            await send(message)

        with tracing.span_of_request(scope) as span:
            try:
                await self._app(scope, receive, note)
            finally:
                metrics.REQUESTS.labels(_route(scope), status).inc()
                span.rename(f"{scope['method']} {_route(scope)}")
                span.tell(http__request__method=scope["method"], http__route=_route(scope), http__response__status_code=status)


def _route(scope: Scope) -> str:
    """Return the path as the contract has it, not as it was asked for: there are few of those."""
    return getattr(scope.get("route"), "path", "other")
