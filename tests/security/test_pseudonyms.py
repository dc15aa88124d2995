"""Viewers and sessions are known by keyed hashes: their own names are stored nowhere but in what was sent."""

from collections.abc import Callable, Iterator

import orjson

from schemas.topics import DEAD_LETTERS, INTERACTIONS
from streams.kafka import partition_counts, topic_name
from streams.reading import read
from streams.settings import Settings
from tests.integration.running import START_MS, System
from tests.security.conftest import Highlights

_SESSION, _VIEWER, _BOT = "session-of-alice-51c7", "alice-at-example-90fe", "session-of-a-bot-3d1b"


def _event(session: str, number: int) -> bytes:
    event = {"schema_version": 1, "kind": "play", "video_id": "film", "session_id": session, "viewer_id": _VIEWER}
    return orjson.dumps(event | {"occurred_at_ms": START_MS + number, "from_s": number % 50, "to_s": number % 50 + 25})


def _stored(system: System) -> Iterator[tuple[str, bytes]]:
    """Yield all that ClickHouse and Kafka hold and the workers said, but the topics that keep what was sent as it is."""
    for (table,) in system.client.query("SHOW TABLES").result_rows:
        yield table, system.client.raw_query("SELECT * FROM {table:Identifier} FORMAT JSONEachRow", {"table": table})
    kafka = system.settings.kafka
    for topic, partitions in partition_counts(kafka).items():
        if topic.startswith(kafka.topic_prefix) and topic not in _kept_as_sent(system.settings):
            for partition in range(partitions):
                for messages in read(kafka, topic, partition):
                    for message in messages:
                        yield topic, b"".join((message.key() or b"", message.value() or b"", repr(message.headers()).encode()))
    yield "log", system.log.encode()


def _kept_as_sent(settings: Settings) -> set[str]:
    return {topic_name(settings.kafka, topic) for topic in (INTERACTIONS, DEAD_LETTERS)}


def test_names_are_stored_nowhere(settings: Settings, make_system: Callable[[Settings], System], highlights: Highlights) -> None:
    """ClickHouse, the changelog, exclusions and loud logs hold no name of a session or a viewer, excluded or not."""
    system = make_system(settings)
    system.start_worker(module="tests.security.loud", HIGHLIGHTS_WORKER__EXCLUSIONS_INTERVAL_S="0.5")
    events = [_event(_SESSION, number) for number in range(20)] + [_event(_BOT, number) for number in range(400)]
    system.send_raw([(b"film", event) for event in [*events, _event(_SESSION, 1)[:-1]]])
    system.wait_for(len(events) + 1)
    system.eventually(lambda: "state replaced" in system.log, "the bot is excluded")
    assert highlights(settings, "exclusions", "add", "--viewer", _VIEWER, "--reason", "asked to be forgotten").returncode == 0
    system.eventually(lambda: system.log.count("state replaced") >= 2, "the viewer is forgotten")
    places = dict(_stored(system))
    assert {"clip_scores", "fused_scores", f"{settings.group}-statistics-changelog", "log"} <= places.keys()
    for where, content in _stored(system):
        for name in (_SESSION, _VIEWER, _BOT):
            assert name.encode() not in content, f"{name} in {where}"
