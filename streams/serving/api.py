"""The feed, a video's curve and a clip's explanation over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from clickhouse_connect.driver.client import Client
from fastapi import Depends, FastAPI, Header, HTTPException, Path, Query, Response, Security
from fastapi.middleware.cors import CORSMiddleware
from fastapi.sse import EventSourceResponse, ServerSentEvent

from schemas.errors import ConfigurationError
from schemas.limits import IDENTIFIER_PATTERN
from streams.feed import CurvePoint, curve, explain
from streams.serving.door import Door
from streams.serving.feed import Page, page
from streams.serving.head import Head
from streams.serving.ledgers import Ledgers
from streams.serving.limited import Limited
from streams.serving.live import Live
from streams.serving.measured import Measured
from streams.serving.page import add_page
from streams.serving.pipeline import Health, Pipeline
from streams.serving.problems import PROBLEMS, add_problems
from streams.serving.query import FeedQuery, PageQuery
from streams.serving.rankings import Rankings
from streams.serving.snapshot import Snapshot
from streams.serving.stream import changes
from streams.settings import ServingSettings

_CLIP_PATTERN = IDENTIFIER_PATTERN[:-1].replace("{1,128}", r"{1,128}:\d{1,4}") + "$"

Video = Annotated[str, Path(pattern=IDENTIFIER_PATTERN)]


def create_api(client: Client, settings: ServingSettings, ledgers: Ledgers | None = None) -> FastAPI:
    """Return the application; it reads through `client`, from several threads, and what workers have done from their ledgers.

    Raises:
        ConfigurationError: the file of keys is wrong.
    """
    live, rankings, door = Live(client), Rankings(settings.kept_rankings), Door(settings)
    app = FastAPI(
        title="Highlights", version="1", redoc_url=None, docs_url=None, lifespan=lambda _: _reading(live), responses=PROBLEMS
    )
    add_problems(app)
    app.add_middleware(Limited, most=settings.max_connections)
    origins = [origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()]
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET"],
        allow_headers=["authorization", "if-none-match"],
        expose_headers=["etag", "retry-after"],
    )
    _add_feed(app, live, rankings, door)
    _add_clips(app, client, door)
    _add_health(app, Health(client, live, ledgers), live, door)
    add_page(app)
    app.add_middleware(Measured)
    app.add_middleware(Head)
    return app


@asynccontextmanager
async def _reading(live: Live) -> AsyncIterator[None]:
    await live.refresh()
    reader = asyncio.create_task(live.run())
    try:
        yield
    finally:
        reader.cancel()


def _add_feed(app: FastAPI, live: Live, rankings: Rankings, door: Door) -> None:
    @app.get("/v1/highlights", response_model=Page, dependencies=[Security(door.admit, scopes=["feed"])])
    async def highlights(query: Annotated[PageQuery, Query()], if_none_match: Annotated[str, Header()] = "") -> Response:
        """Return the best clips now, best first."""
        snapshot = live.current
        ranking, first = rankings.place_of(snapshot, query)
        tag = f'"{snapshot.name}"'
        headers = {"etag": tag, "cache-control": "no-cache"}
        if tag in if_none_match or if_none_match.strip() == "*":
            return Response(status_code=304, headers=headers)
        return Response(page(snapshot, ranking, first, query.limit), headers=headers, media_type="application/json")

    async def is_open(caller: Annotated[str, Security(door.admit, scopes=["feed"])]) -> AsyncIterator[None]:
        with door.stream(caller):
            yield

    async def current() -> Snapshot:
        return live.current

    @app.get("/v1/stream", response_class=EventSourceResponse, dependencies=[Depends(is_open), Depends(current)])
    async def stream(query: Annotated[FeedQuery, Query()]) -> AsyncIterator[ServerSentEvent]:
        """Send event `snapshot` with the best clips, then event `change` with all of them whenever one of them changes."""
        async for event in changes(live, rankings, query):
            yield event


def _add_clips(app: FastAPI, client: Client, door: Door) -> None:
    @app.get("/v1/videos/{video_id:path}/curve", dependencies=[Security(door.admit, scopes=["clips"])])
    def video_curve(video_id: Video) -> list[CurvePoint]:
        """Return score and components along a video, in the order of its clips."""
        points = curve(client, video_id)
        if not points:
            raise HTTPException(404, "no clip of this video has a score")
        return points

    @app.get("/v1/clips/{clip_id:path}", dependencies=[Security(door.admit, scopes=["clips"])])
    def clip(clip_id: Annotated[str, Path(pattern=_CLIP_PATTERN)]) -> dict[str, Any]:
        """Return all that a clip's score was made from."""
        try:
            return explain(client, clip_id)
        except ConfigurationError as error:
            raise HTTPException(404, "this clip has no score") from error


def _add_health(app: FastAPI, health: Health, live: Live, door: Door) -> None:
    @app.get("/v1/pipeline", dependencies=[Security(door.admit, scopes=["operate"])])
    async def pipeline() -> Pipeline:
        """Return how much is served, how fresh it is, what waits, and what could not be applied."""
        return await health.now()

    @app.get("/health/live")
    async def alive() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "alive"}

    @app.get("/health/ready")
    async def ready() -> dict[str, str]:
        """Say that scores are read, and are fresh."""
        if not live.is_fresh:
            raise HTTPException(503, "ClickHouse has not answered lately")
        return {"status": "ready"}
