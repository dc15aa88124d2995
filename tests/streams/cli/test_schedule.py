"""When a ranker is trained again."""

import math
from datetime import UTC, datetime, timedelta

import pytest
import typer

from streams.cli import schedule
from streams.cli.ranker_training import seconds_since
from streams.cli.schedule import period_of
from tests.streams.learning.manifests import manifest

_SIX_HOURS = timedelta(hours=6)


@pytest.mark.parametrize(
    ("text", "period"),
    [("", None), ("90s", timedelta(seconds=90)), ("30m", timedelta(minutes=30)), ("6h", _SIX_HOURS), ("1d", timedelta(days=1))],
)
def test_a_period_is_a_number_and_a_unit(text: str, period: timedelta | None) -> None:
    """Seconds, minutes, hours, days; nothing is no period."""
    assert period_of(text) == period


@pytest.mark.parametrize("text", ["6", "h", "1.5h", "0h", "6 h", "-1h"])
def test_what_is_no_period_is_refused(text: str) -> None:
    """The error shows the value and an example."""
    with pytest.raises(typer.BadParameter, match=f"--every {text}.*6h"):
        period_of(text)


def test_a_restart_keeps_the_schedule() -> None:
    """The next one is due a period after the last was made, whenever the process has started; the first at once."""
    made = [manifest(f"r{day}", created_at=f"2026-01-0{day}T00:00:00+00:00") for day in (1, 2)]
    assert seconds_since(made, datetime(2026, 1, 2, 2, tzinfo=UTC)) == 2 * 3600
    assert seconds_since([], datetime(2026, 1, 2, tzinfo=UTC)) == math.inf


def test_what_has_made_nothing_waits_its_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build without pairs leaves nothing that has an age: the next one is not due at once."""
    now, slept, done = [0.0], list[float](), list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds
        if len(slept) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(schedule.time, "sleep", sleep)
    monkeypatch.setattr(schedule.time, "monotonic", lambda: now[0])
    with pytest.raises(KeyboardInterrupt):
        schedule.repeat(_SIX_HOURS, lambda: math.inf, lambda: done.append(now[0]))
    assert (slept, done) == ([0.0, 21_600.0, 21_600.0, 21_600.0], [0.0, 21_600.0, 43_200.0])
