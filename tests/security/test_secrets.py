"""Secrets are shown nowhere: not in logs, errors, results, metrics or titles of processes."""

import traceback
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from infra.embedded.ports import free_port
from schemas.errors import ConfigurationError
from streams.cli.environment import load_settings
from streams.settings import Settings
from tests.integration.running import System
from tests.security.conftest import Highlights
from tests.security.secured import CLICKHOUSE_PASSWORD, HASH_SECRET, KAFKA_PASSWORD

_SECRETS = (KAFKA_PASSWORD, CLICKHOUSE_PASSWORD, HASH_SECRET)
_OTHER = "sentinel-of-another-1c9d"


def _leaks(text: str) -> list[str]:
    return [secret for secret in (*_SECRETS, _OTHER) if secret in text]


def test_a_loud_worker_shows_none(settings: Settings, make_system: Callable[[Settings], System]) -> None:
    """Logs from DEBUG on, of libraries too, metrics and the title of the process hold no secret."""
    port = free_port()
    system = make_system(settings)
    worker = system.start_worker(
        module="tests.security.loud", HIGHLIGHTS_WORKER__METRICS_PORT=str(port), HIGHLIGHTS_LOG_FORMAT="json"
    )
    system.wait_for(system.send_simulated(1_000))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        metrics = response.read().decode()
    assert "highlights_interactions_total" in metrics
    assert "aiokafka" in system.log or "SCRAM" in system.log, "the libraries are not loud"
    assert _leaks(metrics + system.log + " ".join(psutil.Process(worker.pid).cmdline())) == []


def test_a_worker_that_crashes_shows_none(settings: Settings, make_system: Callable[[Settings], System]) -> None:
    """The traceback of a state under another hash secret shows neither that secret nor any other."""
    system = make_system(settings)
    system.start_worker()
    system.wait_for(system.send_simulated(500))
    system.forget_workers()
    assert system.start_worker(module="tests.security.loud", HIGHLIGHTS_HASH_SECRET=_OTHER).wait(60) == 1
    assert "Traceback" in system.log
    assert "HIGHLIGHTS_HASH_SECRET" in system.log
    assert _leaks(system.log) == []
    system.forget_workers()


def test_commands_show_none(settings: Settings, make_system: Callable[[Settings], System], highlights: Highlights) -> None:
    """What commands print, for people or for programs, holds no secret."""
    make_system(settings)
    for status, *arguments in (
        (0, "feed", "--json"),
        (1, "explain", "film:1"),
        (0, "audit", "--json"),
        (0, "replay", "--events", "1000", "--json"),
    ):
        done = highlights(settings, *arguments)
        assert done.returncode == status, (arguments, done.stderr)
        assert done.stdout + done.stderr
        assert _leaks(done.stdout + done.stderr) == [], arguments


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("HIGHLIGHTS_CLICKHOUSE__URL", f"http://someone:{_OTHER}@house:8123", "HIGHLIGHTS_CLICKHOUSE__URL"),
        ("HIGHLIGHTS_CLICKHOUSE__URL", f"http://house:8123?password={_OTHER}", "HIGHLIGHTS_CLICKHOUSE__URL"),
        ("HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS", f"someone:{_OTHER}@kafka:9092", "HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS"),
        ("HIGHLIGHTS_KAFKA", f'{{"password": "{_OTHER}", "security_protocol": "SASL_SSL"}}', "HIGHLIGHTS_KAFKA"),
        ("HIGHLIGHTS_KAFKA", f'{{"password": ["{_OTHER}"]}}', "HIGHLIGHTS_KAFKA__PASSWORD"),
        ("HIGHLIGHTS_KAFKA", f'{{"password": "{_OTHER}', "HIGHLIGHTS_KAFKA"),
        ("HIGHLIGHTS_KAFKA__PASWORD", _OTHER, "HIGHLIGHTS_KAFKA__PASWORD"),
    ],
)
def test_a_wrong_setting_that_holds_a_secret_is_named_without_it(
    variable: str, value: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error and its traceback name the variable, and not what it holds."""
    monkeypatch.setenv("HIGHLIGHTS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=named) as caught:
        load_settings()
    assert _leaks("".join(traceback.format_exception(caught.value))) == []


def test_settings_shown_hide_their_secrets(settings: Settings) -> None:
    """Neither text nor JSON of settings holds a secret."""
    assert _leaks(f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}") == []
