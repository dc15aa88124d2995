"""The main job on the real Kafka and ClickHouse: from interactions to fused scores."""

import signal

import numpy as np
import psutil
import pytest
from confluent_kafka import Consumer

from infra.embedded.ports import free_port
from infra.embedded.stack import EmbeddedStack
from schemas.dead_letters import Reason
from schemas.errors import DeliveryError
from schemas.interactions import PLAY
from schemas.topics import DEAD_LETTERS, INTERACTIONS, SUPERVISED_SCORES
from scoring.statistics.aggregation import partition_of
from streams import chunk_reading
from streams.changelog import PAGE, ledger_record, page_records, read_pages
from streams.kafka import VerifiedProducer, changelog_name, connection, topic_name
from streams.record_batches import CHUNK_RECORDS
from streams.recovery import read_records, recover
from tests.integration.running import START_MS, System, without
from tests.integration.test_metrics import scrape

_PLAY = '{"schema_version":1,"kind":"play","video_id":"%s","session_id":"s","occurred_at_ms":%d,"from_s":0,"to_s":60}'

_LOOKS = 30
"""At a number that stands still, a twentieth of a second and more apart."""
_GROWTH_BYTES = 24 << 20


def _play(video: str, time_ms: int = START_MS) -> tuple[bytes, bytes]:
    return video.encode(), (_PLAY % (video, time_ms)).encode()


def test_scores_equal_the_batch_computation(system: System) -> None:
    """What ClickHouse, state and ledger hold is what a batch computation over the topics gives, to the bit."""
    system.start_worker()
    sent = system.send_simulated(30_000)
    system.wait_for(sent)
    result = system.audit()
    assert result.differences == 0, [part.shown for part in result.partitions]
    assert sum(part.consumed for part in result.partitions) == sent
    assert sum(part.clips for part in result.partitions) > 1_000


def test_sigterm_flushes_everything_and_ends_well(system: System) -> None:
    """A worker that is asked to stop leaves nothing undone."""
    worker = system.start_worker()
    sent = system.send_simulated(10_000)
    system.eventually(lambda: system.committed() > 0, "a first commit")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=30) == 0, system.log
    flushed = system.committed()
    assert system.audit().differences == 0
    system.start_worker()
    system.wait_for(sent)
    result = system.audit()
    assert result.differences == 0
    assert sum(part.consumed for part in result.partitions) == sent >= flushed


def test_kill_and_restart_count_once(system: System) -> None:
    """A worker killed in the middle, again and again, leaves the same scores as one that was not."""
    sent, before = 0, -1
    for seed in range(3):
        sent += system.send_simulated(60_000, seed)
        worker = system.start_worker()
        system.eventually(lambda before=before: system.committed() > before, "progress")
        worker.kill()
        worker.wait()
        before = system.committed()
    system.start_worker()
    system.wait_for(sent)
    result = system.audit()
    assert result.differences == 0, [part.shown for part in result.partitions]
    assert sum(part.consumed for part in result.partitions) == sent


def test_two_workers_share_and_hand_over(system: System) -> None:
    """A worker that joins takes partitions over, one that leaves gives them back; nothing is counted twice or lost."""
    first = system.start_worker()
    sent = system.send_simulated(20_000)
    system.eventually(lambda: system.committed() > 0, "a first commit")
    system.start_worker()
    sent += system.send_simulated(20_000, seed=2)
    system.eventually(lambda: system.log.count("partitions ready") >= 3, "a hand-over")
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=30) == 0
    sent += system.send_simulated(5_000, seed=3)
    system.wait_for(sent)
    result = system.audit()
    assert result.differences == 0, [part.shown for part in result.partitions]
    assert sum(part.consumed for part in result.partitions) == sent


def test_clickhouse_away_for_a_while_loses_nothing(system: System, stack: EmbeddedStack) -> None:
    """While ClickHouse is down nothing is committed; when it is back, all that was missed is published."""
    system.start_worker()
    sent = system.send_simulated(5_000)
    system.wait_for(sent)
    with without(stack.clickhouse):
        sent += system.send_simulated(10_000, seed=2)
        system.eventually(lambda: "flush failed" in system.log, "a failed flush")
        assert system.committed() < sent
    system.wait_for(sent)
    assert system.audit().differences == 0


def test_without_clickhouse_consumption_pauses_at_its_limit(system: System, stack: EmbeddedStack) -> None:
    """What is applied and not flushed is bounded, up to a chunk, however much waits in Kafka; all is caught up after."""
    limit, port = 2_000, free_port()
    own = {"MAX_UNFLUSHED_INTERACTIONS": limit, "METRICS_PORT": port}
    system.start_worker(**{f"HIGHLIGHTS_WORKER__{name}": str(value) for name, value in own.items()})
    sent = system.send_simulated(5_000)
    system.wait_for(sent)
    with without(stack.clickhouse):
        sent += system.send_simulated(40_000, seed=2)
        seen: list[float] = []

        def stands_still() -> bool:
            seen.append(scrape(port).get("highlights_unflushed_interactions", 0.0))
            return seen[-1] >= limit and seen[-_LOOKS:] == [seen[-1]] * _LOOKS

        system.eventually(stands_still, "a pause")
        assert seen[-1] < limit + CHUNK_RECORDS
        assert system.committed() <= sent - limit
    system.wait_for(sent)
    system.assert_exact(sent)


def test_memory_does_not_grow_with_the_age_of_the_stream(system: System) -> None:
    """The same viewers' messages, sent again and again, are duplicates that leave nothing behind."""
    worker = system.start_worker()
    sizes, sent = [], 0
    for _ in range(6):
        sent += system.send_simulated(60_000)
        system.wait_for(sent)
        sizes.append(psutil.Process(worker.pid).memory_info().rss)
    assert sizes[-1] - sizes[2] < _GROWTH_BYTES, sizes


def test_kafka_killed_and_back_loses_nothing(system: System, stack: EmbeddedStack) -> None:
    """A broker that dies and comes back leaves every interaction counted once."""
    system.start_worker()
    sent = system.send_simulated(5_000)
    system.wait_for(sent)
    with without(stack.kafka):
        pass
    sent += system.send_simulated(10_000, seed=2)
    system.wait_for(sent)
    result = system.audit()
    assert result.differences == 0
    assert sum(part.consumed for part in result.partitions) == sent


def test_a_reader_tells_that_kafka_has_gone(system: System, stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing it while it waits for the broker does not cancel who reads: once that ended a part of the worker, unheard."""
    monkeypatch.setattr(chunk_reading, "_PATIENCE_S", 1.0)
    monkeypatch.setattr(chunk_reading, "_FETCH_BYTES", 1 << 16)  # or the first fetch has all
    system.send_simulated(20_000)
    topic = topic_name(system.settings.kafka, INTERACTIONS)
    chunks = chunk_reading.read_chunks(system.settings.kafka, topic, 0, 0)
    assert len(next(chunks))
    with without(stack.kafka), pytest.raises(DeliveryError, match="Kafka does not answer"):
        list(chunks)


def test_broken_messages_become_dead_letters_with_their_bytes(system: System) -> None:
    """What cannot be applied is in dead letters, whole, with the reason; the rest is applied."""
    broken = {
        b"\xff\xfe": Reason.INVALID_JSON,
        b'{"schema_version":7}': Reason.UNKNOWN_SCHEMA_VERSION,
        _play("v1")[1].replace(b"play", b"like"): Reason.UNKNOWN_KIND,
        _play("v1")[1].replace(b"60", b"NaN"): Reason.INVALID_FIELD,
        _play("v1", START_MS + 100 * 365 * 86_400_000)[1]: Reason.INVALID_FIELD,
        _play("v1", 4_000_000_000_000)[1]: Reason.CLOCK_AHEAD,
        _play("v1", START_MS - 86_400_000)[1]: Reason.TOO_LATE,
        b"x" * 10_000_000: Reason.TOO_LARGE,
    }
    system.start_worker()
    system.send_raw([_play("v1")])
    system.wait_for(1)
    system.send_raw([(b"v1", value) for value in broken] + [(b"v1", None), _play("v1")])
    system.wait_for(len(broken) + 3)
    consumer = Consumer(
        connection(system.settings.kafka) | {"group.id": "reader", "auto.offset.reset": "earliest", "log_level": 0}
    )
    consumer.subscribe([topic_name(system.settings.kafka, DEAD_LETTERS)])
    letters = [letter for letter in consumer.consume(len(broken) + 1, timeout=30) if letter.error() is None]
    consumer.close()
    found = {letter.value(): dict(letter.headers()) for letter in letters}
    assert {value: headers["highlights.reason"].decode() for value, headers in found.items()} == {
        value: reason.value for value, reason in (broken | {None: Reason.EMPTY_VALUE}).items()
    }
    assert all(headers["trace"] == b"\x00\xff" for headers in found.values())
    result = system.audit()
    assert result.differences == 0
    assert sum(sum(part.dead_letters.values()) for part in result.partitions) == len(broken) + 1


def _videos_of_two_partitions(partitions: int) -> tuple[str, str]:
    places = {
        int(partition_of(np.frombuffer(video.encode(), np.uint8), 0, len(video), partitions)): video
        for video in map(str, range(20))
    }
    return places[0], places[1]


def test_a_partition_of_garbage_is_stopped_and_the_others_go_on(system: System) -> None:
    """Too many dead letters in a row stop a partition, after a restart too, until the limit is raised; then all is applied."""
    system.settings.worker.max_consecutive_dead_letters = 20
    garbage, other = _videos_of_two_partitions(system.partitions)
    system.start_worker()
    system.send_raw([(garbage.encode(), b"garbage")] * 20)
    system.wait_for(20)
    system.send_raw([_play(garbage), _play(other)])
    system.wait_for(21)
    system.eventually(lambda: "MAX_CONSECUTIVE_DEAD_LETTERS above 20" in system.words, "a stop")
    system.forget_workers()
    system.start_worker()
    system.send_raw([_play(other, START_MS + 1)])
    system.wait_for(22)
    system.eventually(lambda: system.words.count("MAX_CONSECUTIVE_DEAD_LETTERS above 20") == 2, "a stop")
    assert system.committed() == 22
    system.settings.worker.max_consecutive_dead_letters = 0
    system.forget_workers()
    system.start_worker()
    system.wait_for(23)
    system.assert_exact(23)


def test_a_partition_of_mostly_garbage_is_stopped(system: System) -> None:
    """More dead letters among the last messages than the ratio allows stop a partition, though none come in a row."""
    system.start_worker()
    system.send_raw([message for _ in range(6_000) for message in ((b"v1", b"garbage"), (b"v1", b"{}"), _play("v1"))])
    system.wait_for(10_000)
    system.send_raw([_play("v1")])
    system.eventually(lambda: "HIGHLIGHTS_WORKER__MAX_DEAD_LETTER_RATIO above 0.67" in system.words, "a stop")
    assert system.audit().differences == 0
    system.settings.worker.max_dead_letter_ratio = 1.0
    system.forget_workers()
    system.start_worker()
    system.wait_for(18_001)
    system.assert_exact(18_001)


def test_a_clip_nobody_watched_has_its_supervised_score(system: System) -> None:
    """Supervised outputs alone make a score; a broken one is a dead letter and changes nothing."""
    output = (
        b'{"schema_version":1,"video_id":"v9","model_version":"m","clips":[{"clip_index":3,"score_mean":7.5,"score_sd":0.5}]}'
    )
    system.start_worker()
    system.send_raw([(b"v9", output), (b"v9", b"{}")], SUPERVISED_SCORES)
    query = (
        "SELECT score, supervised_score, behaviour_score, exposures FROM fused_scores WHERE video_id = 'v9' AND clip_index = 3"
    )
    system.eventually(lambda: system.client.query(query).result_rows == [(7.5, 7.5, None, 0)], "the score")


def test_the_audit_finds_planted_faults(system: System) -> None:
    """The audit sees a wrong counter, a lost row and a row too many."""
    system.start_worker()
    system.wait_for(system.send_simulated(5_000))
    assert system.audit().differences == 0
    clips = system.client.query("SELECT video_id, clip_index FROM fused_scores WHERE shares > 0 LIMIT 2").result_rows
    (wrong, lost) = ({"video": video, "clip": clip} for video, clip in clips)
    where = "WHERE video_id = {video:String} AND clip_index = {clip:UInt32}"
    again = f"INSERT INTO clip_scores SELECT * REPLACE (%s) FROM (SELECT * FROM fused_scores {where})"
    system.client.command(again % "shares + 1 AS shares, version + 1 AS version", wrong)
    system.client.command(again % "'ghost' AS video_id", wrong)
    system.client.command(f"DELETE FROM clip_scores {where}", lost)
    shown = {f"{difference.what}: {difference.found}" for part in system.audit().partitions for difference in part.shown}
    assert any(what.startswith(f"ClickHouse: {wrong['video']}:{wrong['clip']}, shares") for what in shown)
    assert f"ClickHouse: ghost:{wrong['clip']}: a row" in shown
    assert f"ClickHouse: {lost['video']}:{lost['clip']}: no row" in shown


def test_the_audit_finds_a_gap_in_offsets(system: System) -> None:
    """A ledger that claims an offset whose message was never applied is found out."""
    worker = system.start_worker()
    sent = system.send_simulated(5_000)
    system.wait_for(sent)
    worker.send_signal(signal.SIGTERM)
    worker.wait()
    system.send_simulated(1_000, seed=2)
    ledger = recover(system.settings, 0, system.partitions).ledger
    ledger.applied_offset += 1
    record = ledger_record(ledger)
    producer = VerifiedProducer(system.settings.kafka)
    producer.send(changelog_name(system.settings.group), key=record.key, value=record.value, partition=0)
    producer.verify()
    (first, second) = system.audit().partitions
    assert "ledger: consumed" in {difference.what for difference in first.shown}
    assert second.differences == 0


def test_the_audit_finds_a_wrong_page(system: System) -> None:
    """A state in which one session too many is counted is found out, with the page and what is wrong on it."""
    worker = system.start_worker()
    system.wait_for(system.send_simulated(5_000))
    worker.send_signal(signal.SIGTERM)
    worker.wait()
    records = read_records(system.settings, 0)
    (video,), page = read_pages([next(value for key, value in records.items() if key[:1] == PAGE)])
    page["counts"][0, PLAY, 0] += 1
    (record,) = page_records([video], page)
    producer = VerifiedProducer(system.settings.kafka)
    producer.send(changelog_name(system.settings.group), key=record.key, value=record.value, partition=0)
    producer.verify()
    (first, second) = system.audit().partitions
    assert [difference.what for difference in first.shown] == [f"state: page {int(page['key'][0]):#x}, counts"]
    assert second.differences == 0
