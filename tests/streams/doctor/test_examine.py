"""Whatever ends the look at one area, it is a finding of that area, and the others are looked at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException

pytest.importorskip("safetensors", reason="doctor looks into releases: the extra `training` is not installed")

import streams.doctor
from schemas.errors import StateError
from streams.doctor import examine
from streams.doctor.finding import Finding, Health, good
from streams.settings import Settings


def _bad(tmp_path: Path) -> dict[str, list[str]]:
    """Return what is bad, by area."""
    found: dict[str, list[str]] = {}
    for finding in examine(Settings(data_dir=tmp_path), (), 0):
        if finding.health is Health.BAD:
            found.setdefault(finding.area, []).append(finding.what)
    return found


def _well(area: str) -> Iterator[Finding]:
    yield good(area, "this", "as it should be")


def _ends(area: str, error: Exception) -> Iterator[Finding]:
    yield from _well(area)
    raise error


@pytest.fixture(autouse=True)
def _servers_are_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no test look for servers."""
    monkeypatch.setattr(streams.doctor, "check_clickhouse", lambda *_: _well("clickhouse"))
    monkeypatch.setattr(streams.doctor, "check_kafka", lambda *_: _well("kafka"))
    monkeypatch.setattr(streams.doctor, "check_state", lambda *_: _well("state"))


def test_releases_that_cannot_be_read_are_a_finding(tmp_path: Path) -> None:
    """A note that is a folder stands for whatever the system refuses to read."""
    (tmp_path / "releases" / "current").mkdir(parents=True)
    assert _bad(tmp_path) == {"releases": ["readable"]}


def test_a_machine_that_does_not_answer_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that cannot be asked hides nothing of the rest."""
    monkeypatch.setattr(streams.doctor, "check_machine", lambda *_: _ends("machine", PermissionError(13, "Permission denied")))
    assert _bad(tmp_path) == {"machine": ["the rest"]}


def test_what_is_wrong_with_the_state_is_not_said_of_kafka(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka has answered by then."""
    monkeypatch.setattr(streams.doctor, "check_state", lambda *_: _ends("state", StateError("the changelog is damaged")))
    assert _bad(tmp_path) == {"state": ["the rest"]}


def test_a_refusal_after_the_first_answer_does_not_make_kafka_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who may connect, and may not ask for all, is told that the rest is not known."""
    refusal = KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    monkeypatch.setattr(streams.doctor, "check_kafka", lambda *_: _ends("kafka", refusal))
    assert _bad(tmp_path) == {"kafka": ["the rest"]}


def test_without_kafka_no_state_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits twice for a Kafka that is not there."""
    monkeypatch.undo()
    monkeypatch.setattr(streams.doctor, "check_clickhouse", lambda *_: _well("clickhouse"))
    assert _bad(tmp_path) == {"kafka": ["reachable"]}
