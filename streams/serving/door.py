"""Who may ask, for what, and how often."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import yaml
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from schemas.errors import ConfigurationError
from streams.settings import ServingSettings

_bearer = HTTPBearer(auto_error=False, description="An API key.")


class Key(BaseModel):
    """An API key, as the file of keys has it: not the key itself, but its digest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: frozenset[Literal["feed", "clips", "operate"]]


class Door:
    """Lets requests in."""

    def __init__(self, settings: ServingSettings) -> None:
        """Read the keys.

        Raises:
            ConfigurationError: the file of keys is wrong.
        """
        self._keys = None if settings.keys_file is None else {key.sha256: key for key in _read(settings.keys_file)}
        self._limit = RateLimitItemPerMinute(settings.requests_per_minute) if settings.requests_per_minute else None
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._most_streams, self._streams = settings.streams_per_key, Counter[str]()

    async def admit(
        self,
        request: Request,
        scopes: SecurityScopes,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> str:
        """Let a request in and return who asks, or refuse it with 401 (no known key), 403 (not for this) or 429 (too often)."""
        caller = f"address {request.client.host}" if request.client else ""
        if self._keys is None:
            self._count(caller)
        else:
            key = self._keys.get(sha256(credentials.credentials.encode()).hexdigest()) if credentials else None
            caller = f"key {key.name}" if key else caller
            self._count(caller)
            if key is None:
                raise HTTPException(401, "give a known API key: `Authorization: Bearer KEY`", {"WWW-Authenticate": "Bearer"})
            if not key.scopes.issuperset(scopes.scopes):
                raise HTTPException(403, f"this API key is not for {' and '.join(scopes.scopes)}")
        return caller

    @contextmanager
    def stream(self, caller: str) -> Iterator[None]:
        """Count a stream as long as it is open, or refuse it with 429 where its caller has too many."""
        if self._most_streams and self._streams[caller] >= self._most_streams:
            raise HTTPException(429, f"{self._most_streams} streams are open already")
        self._streams[caller] += 1
        try:
            yield
        finally:
            self._streams -= Counter([caller])  # which keeps nobody who has none

    def _count(self, caller: str) -> None:
        if self._limit is not None and not self._limiter.hit(self._limit, caller):
            raise HTTPException(429, f"more than {self._limit.amount} requests a minute", {"Retry-After": "60"})


def _read(path: Path) -> list[Key]:
    try:
        return TypeAdapter(list[Key]).validate_python(yaml.safe_load(path.read_text()))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        message = f"the keys in {path} cannot be read: give a list of name, sha256 and scopes (feed, clips, operate)"
        raise ConfigurationError(message) from error
