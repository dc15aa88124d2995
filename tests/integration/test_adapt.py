"""Other systems' events become interactions: from a file, and from a topic, whatever happens to the forwarder."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from schemas.errors import DeliveryError
from schemas.topics import INTERACTIONS
from streams import dead_letters
from streams.adapters.adapter import Adapter, EventSource
from streams.adapters.forward import Forwarder
from streams.cli.environment import environment_of
from streams.cli.replay import replay
from streams.cli.replay_request import Request, Source
from streams.kafka import VerifiedProducer, connection, partitions_of, topic_name
from streams.reading import read
from tests.integration.running import START_MS, System, eventually
from tests.streams.adapters.samples import SITTINGS

_HOUR_MS = 3_600_000
_SESSIONS = 60
_HEARTBEATS = 20


def _event(session: int, beat: int) -> bytes:
    """Return a heartbeat of a session that jumps once and pauses at the end; one in a hundred is broken."""
    name = "Video Playback Paused" if beat == _HEARTBEATS else "Video Content Playing"
    position = beat * 10 + (200 if beat > 10 else 0)
    properties = {"session_id": f"s{session}", "content_asset_id": f"film-{session % 7}", "position": position}
    event = {"type": "track", "event": name, "properties": properties, "userId": f"u{session}"}
    if (session * _HEARTBEATS + beat) % 100 == 99:
        del properties["position"]
    return orjson.dumps(event | {"timestamp": datetime.fromtimestamp(START_MS / 1000 + beat * 10, UTC).isoformat()})


def _expected(events: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return the interactions that events make, and those events that make none because they cannot be read."""
    adapter, made, unread = Adapter(EventSource.SEGMENT, _HOUR_MS), list[bytes](), list[bytes]()
    for event in events:
        adapted = adapter.adapt(event)
        unread += [event for _ in adapted.unread]
        made += [interaction.to_json() for interaction in adapted.interactions]
    return made, unread


def _interactions(system: System) -> list[bytes]:
    topic, kafka = topic_name(system.settings.kafka, INTERACTIONS), system.settings.kafka
    found = (messages for partition in range(system.partitions) for messages in read(kafka, topic, partition))
    return [message.value() for messages in found for message in messages]


def _sent_up_to(system: System, topic: str) -> list[int]:
    """Return what the forwarder has committed as sent, of each partition."""
    group = f"{system.settings.group}-adapt-segment-{topic}"
    with closing(Consumer(connection(system.settings.kafka) | {"group.id": group})) as consumer:
        return [int(place.metadata) for place in consumer.committed(partitions_of(topic, 2), timeout=30)]


@pytest.fixture
def player_events(system: System) -> str:
    """A topic of player events with two partitions."""
    name = f"{system.settings.group}-player-events"
    admin = AdminClient(connection(system.settings.kafka))
    admin.create_topics([NewTopic(name, 2, 1)])[name].result(30)
    return name


@pytest.fixture
def start_adapting(system: System, player_events: str, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Return what starts `highlights adapt`."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "streams.cli", "adapt", "--source", "segment", "--from", player_events, "--json"]
        with (tmp_path / f"adapt-{len(started)}.log").open("wb") as log:
            started.append(subprocess.Popen(command, env=environment_of(system.settings), stdout=log, stderr=log))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_file_of_events_becomes_interactions(system: System, tmp_path: Path) -> None:
    """`replay` sends what the events make, and lines that cannot be read as they are, for the worker to bury."""
    events = [_event(session, beat) for beat in range(_HEARTBEATS + 1) for session in range(_SESSIONS)]
    made, unread = _expected(events)
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(events))
    done = system.run("replay", "--source", "segment", str(file), "--json")
    assert done.returncode == 0, done.stderr
    assert unread
    assert sorted(_interactions(system)) == sorted(made + unread)


def test_every_source_gives_the_same_from_a_file_and_from_a_topic(system: System, tmp_path: Path) -> None:
    """`replay --source` and `adapt` send the interactions that a sitting's events make, of each kind that `replay` knows."""
    producer, admin = VerifiedProducer(system.settings.kafka), AdminClient(connection(system.settings.kafka))
    expected: list[bytes] = []
    for source, events in SITTINGS.items():
        lines = [orjson.dumps(event) for event in events]
        adapter = Adapter(source, _HOUR_MS)
        made = [interaction.to_json() for line in lines for interaction in adapter.adapt(line).interactions]
        assert len(made) >= 3
        (tmp_path / source).write_bytes(b"\n".join(lines))
        request = Request(Source(source.value), tmp_path / source, None, None, 0, 0, 1, None)
        assert replay(system.settings, request)["interactions"] == len(made)
        expected += made
        assert sorted(_interactions(system)) == sorted(expected)
        topic = f"{system.settings.group}-{source}"
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
        for line in lines:
            producer.send(topic, key=None, value=line, partition=0)
        producer.verify()
        expected += made
        wanted, end = len(expected), time.monotonic() + 60
        counts = Forwarder(system.settings, source, topic).run(
            lambda wanted=wanted, end=end: len(_interactions(system)) >= wanted or time.monotonic() > end
        )
        assert (counts.events, counts.interactions, counts.dead_letters) == (len(lines), len(made), 0)
        assert sorted(_interactions(system)) == sorted(expected)


def _send(system: System, topic: str, beats: range) -> list[list[bytes]]:
    """Send heartbeats of all sessions; return the events of each partition."""
    producer, sent = VerifiedProducer(system.settings.kafka), list[list[bytes]]([[], []])
    for beat in beats:
        for session in range(_SESSIONS):
            sent[session % 2].append(_event(session, beat))
            producer.send(topic, key=None, value=sent[session % 2][-1], partition=session % 2)
    producer.verify()
    return sent


def test_a_forwarder_that_has_stopped_in_order_is_followed_by_one_that_sends_the_rest(system: System, player_events: str) -> None:
    """Spans that are open in between are read again and go on; no message is sent twice."""
    sent: list[list[bytes]] = [[], []]
    for beats in (range(_HEARTBEATS // 2), range(_HEARTBEATS // 2, _HEARTBEATS + 1)):
        sent = [before + events for before, events in zip(sent, _send(system, player_events, beats), strict=True)]
        expected = sorted(message for events in sent for message in _expected(events)[0])
        end = time.monotonic() + 60
        Forwarder(system.settings, EventSource.SEGMENT, player_events).run(
            lambda expected=expected, end=end: len(_interactions(system)) >= len(expected) or time.monotonic() > end
        )
        assert sorted(_interactions(system)) == expected


def test_a_forwarder_that_is_killed_loses_nothing_and_makes_nothing_else(
    system: System, player_events: str, start_adapting: Callable[[], subprocess.Popen[bytes]]
) -> None:
    """Killed between two halves of all sessions: spans that were open go on, and what is sent twice is the same message."""
    first = _send(system, player_events, range(_HEARTBEATS // 2))
    killed = start_adapting()
    eventually(lambda: len(_interactions(system)) > _SESSIONS, "the first interactions")
    killed.kill()
    killed.wait()
    rest = _send(system, player_events, range(_HEARTBEATS // 2, _HEARTBEATS + 1))
    sent = [before + events for before, events in zip(first, rest, strict=True)]
    expected = [_expected(events) for events in sent]
    made = {message for interactions, _ in expected for message in interactions}
    last = start_adapting()
    eventually(lambda: set(_interactions(system)) >= made, "all interactions")
    last.send_signal(signal.SIGTERM)
    assert last.wait(30) == 0
    assert set(_interactions(system)) == made
    assert _sent_up_to(system, player_events) == [len(events) for events in sent]
    letters = {letter.value for letter in dead_letters.read(system.settings)}
    assert letters == {event.decode() for _, unread in expected for event in unread}


def _limit(system: System, topic: str, bytes_of_a_message: int) -> None:
    entry = ConfigEntry("max.message.bytes", str(bytes_of_a_message), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient(connection(system.settings.kafka))
    admin.incremental_alter_configs([resource])[resource].result(30)


def test_what_kafka_does_not_take_is_not_committed(system: System, player_events: str) -> None:
    """A forwarder whose output is refused ends with an error, and the next one sends all of it."""
    producer, events = VerifiedProducer(system.settings.kafka), [_event(0, beat) for beat in range(_HEARTBEATS + 1)]
    for event in events:
        producer.send(player_events, key=None, value=event, partition=0)
    producer.verify()
    interactions = topic_name(system.settings.kafka, INTERACTIONS)
    _limit(system, interactions, 50)
    with pytest.raises(DeliveryError, match="Kafka did not take"):
        Forwarder(system.settings, EventSource.SEGMENT, player_events).run(lambda: False)
    _limit(system, interactions, 1 << 20)
    made, end = set(_expected(events)[0]), time.monotonic() + 60
    Forwarder(system.settings, EventSource.SEGMENT, player_events).run(
        lambda: set(_interactions(system)) >= made or time.monotonic() > end
    )
    assert set(_interactions(system)) == made


def test_events_that_come_together_are_buried_one_by_one(system: System, player_events: str) -> None:
    """Of a message with many events the one that cannot be read is a dead letter, and no other."""
    producer, events = VerifiedProducer(system.settings.kafka), [orjson.loads(_event(0, beat)) for beat in range(_HEARTBEATS + 1)]
    broken = {**events[5], "properties": {}}
    message = orjson.dumps({"batch": [*events[:5], broken, *events[5:]]})
    producer.send(player_events, key=None, value=message, partition=0)
    producer.verify()
    made, end = set(_expected(list(map(orjson.dumps, events)))[0]), time.monotonic() + 60
    counts = Forwarder(system.settings, EventSource.SEGMENT, player_events).run(
        lambda: set(_interactions(system)) >= made or time.monotonic() > end
    )
    assert (counts.events, counts.interactions, counts.dead_letters) == (1, len(made), 1)
    assert [letter.value for letter in dead_letters.read(system.settings)] == [orjson.dumps(broken).decode()]


def test_a_topic_that_is_not_there_is_named(system: System) -> None:
    """The error names it and says how names are taken."""
    done = system.run("adapt", "--source", "xapi", "--from", "nowhere")
    assert done.returncode == 1
    assert "--from nowhere" in done.stderr
