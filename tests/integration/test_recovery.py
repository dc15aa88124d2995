"""Coming back and starting anew on the real servers: zombies, static members, rebuilds, damaged changelogs, exclusions."""

import math
import signal
import time
from datetime import UTC, datetime

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, OffsetSpec

from schemas.topics import INTERACTIONS
from streams.kafka import changelog_name, connection, partitions_of, topic_name
from streams.partition_writer import PartitionWriter
from streams.reading import read
from tests.integration.running import START_MS, System, eventually


def _play(video: str, session: str, time_ms: int = START_MS, viewer: str = "x") -> tuple[bytes, bytes]:
    value = (
        f'{{"schema_version":1,"kind":"play","video_id":"{video}","session_id":"{session}","viewer_id":"{viewer}",'
        f'"occurred_at_ms":{time_ms},"from_s":0,"to_s":60}}'
    )
    return video.encode(), value.encode()


def _clips(system: System, video: str) -> int:
    query = "SELECT count() FROM fused_scores WHERE video_id = {video:String}"
    return int(system.client.query(query, {"video": video}).result_rows[0][0])


def _source(system: System) -> list[TopicPartition]:
    return partitions_of(topic_name(system.settings.kafka, INTERACTIONS), system.partitions)


def _set_on_changelog(system: System, **values: str) -> None:
    admin = AdminClient(connection(system.settings.kafka))
    entries = [
        ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET) for name, value in values.items()
    ]
    topic = changelog_name(system.settings.group)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=entries)
    for changed in admin.incremental_alter_configs([resource]).values():
        changed.result(30)


def _changelog_records(system: System) -> int:
    topic = changelog_name(system.settings.group)
    parts = range(system.partitions)
    return sum(len(messages) for partition in parts for messages in read(system.settings.kafka, topic, partition))


def _cut_changelog(system: System, left: int) -> None:
    """Do what a retention time set on the changelog by mistake does: leave the last offsets."""
    topic, admin = changelog_name(system.settings.group), AdminClient(connection(system.settings.kafka))
    _set_on_changelog(system, cleanup_policy="delete")
    ends = admin.list_offsets({place: OffsetSpec.latest() for place in partitions_of(topic, system.partitions)})
    cut = [TopicPartition(topic, place.partition, end.result(30).offset - left) for place, end in ends.items()]
    for deleted in admin.delete_records(cut).values():
        deleted.result(30)


def test_a_worker_given_up_for_dead_writes_nothing_when_it_wakes(system: System) -> None:
    """A worker that is paused in the middle of its work, and replaced, does no harm afterwards."""
    system.settings.worker.session_timeout_s = 2.0
    sleeper = system.start_worker()
    sent = system.send_simulated(40_000)
    system.eventually(lambda: system.committed() > 0, "a first commit")
    sleeper.send_signal(signal.SIGSTOP)
    system.start_worker()
    system.wait_for(sent)
    sleeper.send_signal(signal.SIGCONT)
    sent += system.send_simulated(20_000, seed=2)
    system.wait_for(sent)
    system.assert_exact(sent)


def test_what_a_process_outside_the_group_has_taken_comes_back(system: System) -> None:
    """A worker whose partitions somebody else takes over, as one does that wakes up in the middle of it, has them back soon."""
    system.settings.worker.session_timeout_s = 2.0
    system.start_worker()
    sent = system.send_simulated(10_000)
    system.wait_for(sent)
    for partition in range(system.partitions):
        PartitionWriter(system.settings.kafka, system.settings.group, partition)
    sent += system.send_simulated(10_000, seed=2)
    system.eventually(lambda: system.committed() >= sent, "all of it applied", deadline_s=55)
    assert "joining the group anew" in system.log
    system.assert_exact(sent)


def test_a_static_member_is_back_before_its_session_times_out(system: System) -> None:
    """A worker that is killed and comes back under its name has its partitions, though the group still holds its old session."""
    system.settings.worker.session_timeout_s = 30.0
    name = {"HIGHLIGHTS_WORKER__GROUP_INSTANCE_ID": "worker-1"}
    worker = system.start_worker(**name)
    sent = system.send_simulated(10_000)
    system.wait_for(sent)
    worker.kill()
    worker.wait()
    system.start_worker(**name)
    sent += system.send_simulated(10_000, seed=2)
    system.eventually(lambda: system.committed() >= sent, "all of it applied", deadline_s=25)
    system.assert_exact(sent)


def test_a_worker_that_saw_no_topics_at_first_gets_its_partitions(system: System) -> None:
    """A broker that has just started may not know its topics for a moment; the worker looks again, and rebalances."""
    sent = system.send_simulated(10_000)
    system.start_worker(module="tests.integration.blind_worker")
    system.eventually(lambda: system.committed() >= sent, "all of it applied", deadline_s=60)
    assert "Ignoring missing topic" in system.log
    system.assert_exact(sent)


def test_a_worker_outlasts_a_kafka_that_goes_away(system: System) -> None:
    """What Kafka does not give or take now is asked for again by the same worker: state, exclusions, states without those."""
    system.settings.worker.exclusions_interval_s = 0.5
    system.start_worker(module="tests.integration.cut_off_worker")
    sent = system.send_simulated(10_000)
    system.send_raw([_play("v1", "bot", START_MS + place) for place in range(400)])
    sent += 400
    system.wait_for(sent)
    system.eventually(lambda: sum(part.excluded for part in system.audit().partitions) == 400, "the bot gone")
    for function in ("recover", "exclude", "recompute"):
        assert f"cut off from {function}" in system.words
    system.assert_exact(sent)


def test_a_rebuilt_state_is_the_same(system: System) -> None:
    """State computed again from the topics, in place of a good one, changes no score, and brings back what models say.

    It is refused while workers run.
    """
    system.settings.worker.exclusions_interval_s = 0.5
    worker = system.start_worker()
    sent = system.send_simulated(20_000)
    system.send_raw([_play("only", "s1", viewer="gone"), _play("only", "s2", viewer="gone")])
    sent += 2
    system.wait_for(sent)
    assert system.run("exclusions", "add", "--viewer", "gone", "--reason", "asked for it").returncode == 0
    system.eventually(lambda: _clips(system, "only") == 0, "the viewer's clips gone")
    assert sum(part.excluded for part in system.assert_exact(sent).partitions) == 2
    refused = system.run("worker", "--rebuild")
    assert refused.returncode == 1
    assert "1 running workers" in refused.stderr
    query = "SELECT video_id, clip_index, score, exposures, shares FROM fused_scores ORDER BY ALL"
    before = system.client.query(query).result_rows
    outputs = "SELECT * FROM supervised_outputs FINAL ORDER BY video_id, clip_index"
    said = system.client.query(outputs).result_rows
    assert said
    worker.send_signal(signal.SIGTERM)
    worker.wait()
    system.client.command("TRUNCATE TABLE supervised_outputs")
    system.start_worker("--rebuild")
    sent += 1
    system.send_raw([_play("new", "s")])
    system.wait_for(sent)
    assert sum(part.excluded for part in system.assert_exact(sent).partitions) == 2
    assert [row for row in system.client.query(query).result_rows if row[0] != "new"] == before
    assert system.client.query(outputs).result_rows == said


def test_a_rebuild_can_leave_out_what_is_old(system: System) -> None:
    """What Kafka received before a time counts no more; what it received since does."""
    old = system.send_simulated(5_000)
    worker = system.start_worker()
    system.wait_for(old)
    worker.send_signal(signal.SIGTERM)
    worker.wait()
    since = math.ceil(time.time())  # options take whole seconds
    eventually(lambda: time.time() >= since, "the next second")
    new = system.send_simulated(3_000, seed=2)
    system.start_worker("--rebuild", "--since", f"{datetime.fromtimestamp(since, UTC):%Y-%m-%dT%H:%M:%S}")
    system.wait_for(old + new)
    system.assert_exact(new)


def test_a_compacted_changelog_holds_the_same_state(system: System) -> None:
    """What Kafka's log cleaner leaves of the changelog is the whole state."""
    worker, sent = system.start_worker(), 0
    for seed in range(10, 16):
        sent += system.send_simulated(5_000, seed)
        system.wait_for(sent)
    _set_on_changelog(system, segment_ms="100", min_cleanable_dirty_ratio="0.001", delete_retention_ms="0")
    before = _changelog_records(system)
    sent += system.send_simulated(1_000, seed=2)
    system.wait_for(sent)
    system.eventually(lambda: _changelog_records(system) < before, "the cleaner has been there")
    worker.kill()
    worker.wait()
    system.start_worker()
    sent += system.send_simulated(5_000, seed=3)
    system.wait_for(sent)
    system.assert_exact(sent)


def test_a_damaged_changelog_is_refused_and_mended_by_a_rebuild(system: System) -> None:
    """A worker does not take what is left of a changelog for the whole state; a rebuild mends it."""
    worker = system.start_worker()
    sent = system.send_simulated(20_000)
    system.wait_for(sent)
    worker.send_signal(signal.SIGTERM)
    worker.wait()
    _cut_changelog(system, left=5)
    assert system.start_worker().wait(timeout=60) == 1
    assert "highlights worker --rebuild" in system.words
    system.forget_workers()
    system.start_worker("--rebuild")
    sent += system.send_simulated(5_000, seed=2)
    system.wait_for(sent)
    system.assert_exact(sent)


def test_what_retention_has_deleted_is_not_judged(system: System) -> None:
    """Where the topic has lost the state's beginning, the audit compares ClickHouse with the state, and says so."""
    system.start_worker()
    sent = system.send_simulated(5_000)
    system.wait_for(sent)
    assert all(part.is_recomputed for part in system.assert_exact(sent).partitions)
    place = TopicPartition(topic_name(system.settings.kafka, INTERACTIONS), 0, 10)
    admin = AdminClient(connection(system.settings.kafka))  # kept: it carries the request out
    for deleted in admin.delete_records([place]).values():
        deleted.result(30)
    assert [part.is_recomputed for part in system.assert_exact(sent).partitions] == [False, *[True] * (system.partitions - 1)]
    system.kill_all()
    system.client.command(
        "INSERT INTO clip_scores SELECT * REPLACE (exposures + 1 AS exposures, version + 1 AS version)"
        " FROM clip_scores FINAL WHERE source_partition = 0 LIMIT 1"
    )
    ((planted,),) = ([part.shown for part in system.audit().partitions if part.differences],)
    assert {difference.what.rpartition(", ")[2] for difference in planted} == {"exposures", "version"}


def test_who_is_excluded_after_retention_counts_no_more(system: System) -> None:
    """What they did before stays, since it cannot be computed again; what they do from then on is passed over."""
    system.settings.worker.exclusions_interval_s = 0.5
    system.start_worker()
    sent = system.send_simulated(5_000)
    system.send_raw([_play("before", "s1", viewer="gone")])
    sent += 1
    system.wait_for(sent)
    places = [TopicPartition(place.topic, place.partition, 10) for place in _source(system)]
    admin = AdminClient(connection(system.settings.kafka))  # kept: it carries the request out
    for deleted in admin.delete_records(places).values():
        deleted.result(30)
    assert system.run("exclusions", "add", "--viewer", "gone", "--reason", "asked for it").returncode == 0
    told = "exclusions hold from now on only"
    system.eventually(lambda: system.words.count(told) == system.partitions, "an exclusion in each partition")
    system.send_raw([_play("after", "s2", viewer="gone"), _play("after", "s3", viewer="stays")])
    sent += 2
    system.wait_for(sent)
    query = "SELECT video_id, max(exposures) FROM fused_scores WHERE video_id IN ('before', 'after') GROUP BY video_id"
    assert dict(system.client.query(query).result_rows) == {"before": 1, "after": 1}
    assert sum(part.excluded for part in system.assert_exact(sent).partitions) == 1


def test_who_is_excluded_has_never_been(system: System) -> None:
    """A viewer's interactions are taken back while the worker runs; readmitted, they count again."""
    system.settings.worker.exclusions_interval_s = 0.5
    system.start_worker()
    sent = system.send_simulated(20_000)
    system.send_raw([_play("only", "s1", viewer="gone"), _play("only", "s2", viewer="gone")])
    sent += 2
    system.wait_for(sent)
    assert _clips(system, "only") == 6
    assert system.run("exclusions", "add", "--viewer", "gone", "--reason", "asked for it").returncode == 0
    system.eventually(lambda: _clips(system, "only") == 0, "the viewer's clips gone")
    system.eventually(lambda: sum(part.excluded for part in system.audit().partitions) == 2, "both interactions excluded")
    sent += system.send_simulated(5_000, seed=2)
    system.send_raw([_play("only", "s3", viewer="gone"), _play("only", "s4", viewer="stays")])
    sent += 2
    system.wait_for(sent)
    assert sum(part.excluded for part in system.assert_exact(sent).partitions) == 3
    assert "gone" not in system.run("exclusions", "list").stdout
    assert system.run("exclusions", "remove", "--viewer", "gone").returncode == 0
    system.eventually(lambda: sum(part.excluded for part in system.audit().partitions) == 0, "the viewer counted again")
    system.assert_exact(sent)


def test_a_session_faster_than_a_person_is_excluded(system: System) -> None:
    """A session with more interactions in a minute than anybody can do is found, and taken out from its beginning."""
    system.settings.worker.exclusions_interval_s = 0.5
    system.start_worker()
    system.send_raw([_play("v1", "person"), *(_play("v1", "bot", START_MS + place) for place in range(400))])
    system.wait_for(401)
    system.eventually(lambda: sum(part.excluded for part in system.audit().partitions) == 400, "the bot gone")
    result = system.assert_exact(401)
    assert sum(part.applied for part in result.partitions) == 1
    assert "more than 300 interactions in a minute" in system.run("exclusions", "list").stdout


def test_an_aborted_transaction_of_a_sender_is_not_counted(system: System) -> None:
    """What a sender's transaction takes back was never sent; the audit agrees."""
    from confluent_kafka import Producer

    producer = Producer(connection(system.settings.kafka) | {"transactional.id": "sender"})
    producer.init_transactions(30)
    for abort in (True, False):
        producer.begin_transaction()
        key, value = _play("v1", "aborted" if abort else "kept")
        producer.produce(system.settings.kafka.topic_prefix + INTERACTIONS, key=key, value=value)
        producer.flush(30)
        producer.abort_transaction(30) if abort else producer.commit_transaction(30)
    system.start_worker()
    system.eventually(lambda: _clips(system, "v1") == 6, "the play that was committed")
    query = "SELECT max(exposures) FROM fused_scores"
    assert system.client.query(query).result_rows == [(1,)]
    system.assert_exact(1)
