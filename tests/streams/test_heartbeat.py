"""A process whose event loop stands still is told apart from one that works."""

import asyncio
import time
from unittest.mock import patch

import httpx

from infra.embedded.ports import free_port
from streams import heartbeat
from streams.heartbeat import Heartbeat
from streams.metrics import Process
from streams.metrics_endpoint import serve_metrics


async def test_a_loop_that_stands_still_is_not_live() -> None:
    """It is live before its first mark and while it leaves marks, and not when something holds it for too long."""
    beating = Heartbeat()
    assert beating.is_live()
    with patch.object(heartbeat, "_INTERVAL_S", 0.01), patch.object(heartbeat, "_LONGEST_S", 0.5):
        marks = asyncio.ensure_future(beating.run())
        await asyncio.sleep(0.05)
        assert beating.is_live()
        time.sleep(0.6)
        assert not beating.is_live()
        await asyncio.sleep(0.05)
        assert beating.is_live()
        marks.cancel()


def test_the_endpoint_says_whether_the_process_lives() -> None:
    """`/health/live` is 200 or 503; metrics are there in both cases."""
    lives, port = [True], free_port()
    serve_metrics(Process.TRAINER, "127.0.0.1", port, "LEARNING", is_live=lambda: lives[0])
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.get("/health/live").status_code == 200
        lives[0] = False
        assert client.get("/health/live").status_code == 503
        assert "highlights_trainings_total" in client.get("/metrics").text
