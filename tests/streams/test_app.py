"""What becomes of a worker one of whose parts has ended."""

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest

from streams.app import _run


class _Cancelled:
    async def run(self, *_arguments: Any) -> None:
        raise asyncio.CancelledError


@pytest.mark.parametrize("should_stop", [False, True])
def test_a_part_that_is_cancelled_by_nobody_ends_the_worker(should_stop: bool) -> None:
    """Faust takes every cancellation for the worker's end, and the rest would go on without the part."""
    app: Any = SimpleNamespace(should_stop=should_stop, sleep=None, crash=AsyncMock())
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(_run(app, _Cancelled()))
    assert app.crash.await_count == (not should_stop)
