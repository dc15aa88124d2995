"""`highlights doctor` on a set-up that is well, and on set-ups that are not: it finds what is wrong and says what mends it."""

import json
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from infra.embedded.ports import free_port
from schemas.exclusions import ExclusionKind
from schemas.topics import EXCLUSIONS, INTERACTIONS, SUPERVISED_SCORES
from streams.cli.replay import now_ms
from streams.doctor import examine
from streams.doctor.finding import Finding, Health
from streams.exclusions import exclude, hashed, listed, read_exclusions
from streams.kafka import connection, partition_counts, topic_name
from streams.settings import Settings
from tests.integration.running import System, eventually


@pytest.fixture
def admin(system: System) -> AdminClient:
    """Kafka's administration."""
    return AdminClient(connection(system.settings.kafka))


def _bad(settings: Settings, *variables: str) -> list[Finding]:
    return [finding for finding in examine(settings, variables, now_ms()) if finding.health is Health.BAD]


def _only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


def _with(settings: Settings, group: str, **changes: Any) -> Settings:
    return settings.model_copy(update={group: getattr(settings, group).model_copy(update=changes)})


def _set(admin: AdminClient, topic: str, name: str, value: str) -> None:
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    for done in admin.incremental_alter_configs(
        [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]
    ).values():
        done.result(30)


def _make_again(system: System, admin: AdminClient, topic: str, partitions: int, **config: str) -> None:
    """Delete a topic and make it anew; Kafka takes a while until it lists it."""
    admin.delete_topics([topic])[topic].result(30)
    admin.create_topics([NewTopic(topic, partitions, 1, config=config)])[topic].result(30)
    eventually(lambda: partition_counts(system.settings.kafka).get(topic) == partitions, f"topic {topic}")


@pytest.fixture
def used(system: System) -> System:
    """A system whose worker has applied something and is gone."""
    system.start_worker()
    system.wait_for(system.send_simulated(1_000))
    system.forget_workers()
    return system


def test_all_is_well_where_a_worker_has_worked(used: System) -> None:
    """Nothing is bad, each area has been looked at, and the command ends with status 0."""
    done = used.run("doctor", "--json")
    answer = json.loads(done.stdout)
    assert [finding for finding in answer["findings"] if finding["health"] == "bad"] == []
    assert answer["is_well"]
    assert done.returncode == 0
    areas = {"machine", "settings", "releases", "kafka", "clickhouse", "state"}
    assert {finding["area"] for finding in answer["findings"]} == areas
    assert {"partition 0", "partition 1"} <= {finding["what"] for finding in answer["findings"]}


def test_servers_that_do_not_answer(system: System) -> None:
    """Both are named with their addresses, and the command ends with status 1."""
    nobody = f"127.0.0.1:{free_port()}"
    done = system.run("doctor", HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS=nobody, HIGHLIGHTS_CLICKHOUSE__URL=f"http://{nobody}")
    assert done.returncode == 1
    words = " ".join(done.stdout.split())
    assert "kafka: reachable" in words
    assert "clickhouse: reachable" in words


def test_a_topic_that_is_partitioned_otherwise(system: System, admin: AdminClient) -> None:
    """The steps that give it the partitions it lacks, with all that it must hold, are named."""
    for plain, step in ((EXCLUSIONS, "--alter --topic {} --partitions 2"), (SUPERVISED_SCORES, "--delete --topic {}")):
        topic = topic_name(system.settings.kafka, plain)
        _make_again(system, admin, topic, 1, **{"cleanup.policy": "compact", "max.message.bytes": "17825792"})
        mends = {finding.what: finding.mend for finding in _bad(system.settings)}
        assert step.format(topic) in mends[f"topic {topic}"]


def test_exclusions_hold_in_partitions_that_were_added(system: System, tmp_path: Path) -> None:
    """What doctor says about a topic of exclusions with too few partitions puts the excluded into those that lack them."""
    named = [hashed(system.settings, ExclusionKind.VIEWER, viewer) for viewer in ("u-1", "u-2")]
    exclude(system.settings, 1, named, "asked to be forgotten")
    before, kept = listed(system.settings), tmp_path / "exclusions.json"
    kept.write_text(system.run("exclusions", "list", "--json").stdout)
    assert read_exclusions(system.settings, 1)[0] == frozenset()
    done = system.run("exclusions", "restore", str(kept), "--json")
    assert done.returncode == 0, done.stderr
    assert read_exclusions(system.settings, 1)[0] == read_exclusions(system.settings, 0)[0] == frozenset(named)
    assert listed(system.settings) == before


def test_settings_of_topics_that_lose_what_is_needed(system: System, admin: AdminClient) -> None:
    """Retention below the session window, and a compacted topic that deletes, are each named with the value that mends it."""
    source, exclusions = (topic_name(system.settings.kafka, topic) for topic in (INTERACTIONS, EXCLUSIONS))
    _set(admin, source, "retention.ms", "3600000")
    _set(admin, exclusions, "cleanup.policy", "delete")
    mends = {finding.what: finding.mend for finding in _bad(system.settings)}
    assert mends.keys() == {f"topic {source}", f"topic {exclusions}"}
    assert "--add-config retention.ms=604800000" in mends[f"topic {source}"]
    assert "--add-config cleanup.policy=compact" in mends[f"topic {exclusions}"]
    system.settings.statistics.session_window_hours = 200.0
    mends = {finding.what: finding.mend for finding in _bad(system.settings)}
    assert "--add-config retention.ms=720000000" in mends[f"topic {source}"]


def test_tables_and_migrations_that_are_missing(system: System) -> None:
    """A table that is gone and a migration that was not applied are named."""
    system.client.command("DROP TABLE rate_priors")
    system.client.command("ALTER TABLE schema_migrations DELETE WHERE number = 5 SETTINGS mutations_sync = 1")
    assert {finding.what for finding in _bad(system.settings)} == {"table rate_priors", "migration 0005_known_clips"}


def test_state_that_was_made_under_other_rules(used: System) -> None:
    """Each partition's state is refused with the way out."""
    findings = _bad(_with(used.settings, "statistics", half_life_hours=24.0))
    assert [finding.what for finding in findings] == ["partition 0", "partition 1"]
    assert all("highlights worker --rebuild" in finding.found for finding in findings)


def test_a_source_that_was_made_again(used: System, admin: AdminClient) -> None:
    """State that is ahead of its source is found out."""
    topic = topic_name(used.settings.kafka, INTERACTIONS)
    _make_again(used, admin, topic, 2, **{"retention.ms": "604800000", "max.message.bytes": "16777216"})
    findings = _bad(used.settings)
    assert [finding.what for finding in findings] == ["partition 0", "partition 1"]
    assert all("made again" in finding.found for finding in findings)


def test_variables_that_nobody_reads(system: System) -> None:
    """A misspelt variable is named; one that belongs to a group is not."""
    finding = _only(_bad(system.settings, "HIGHLIGHTS_HASH_SECRT", "HIGHLIGHTS_KAFKA__USERNAME"))
    assert finding.what == "HIGHLIGHTS_HASH_SECRT"


def test_a_worker_that_is_missing_is_doubtful_alone(system: System) -> None:
    """Whoever stopped their workers is told so, and has nothing bad."""
    doubtful = [finding for finding in examine(system.settings, (), now_ms()) if finding.health is Health.DOUBTFUL]
    assert "highlights worker" in _only(doubtful).mend


def test_servers_elsewhere_in_plain_text_are_doubtful(settings: Settings) -> None:
    """A public hash secret, and passwords that travel in the open, are told where servers are on other machines."""
    from streams.doctor.machine import check_machine

    far = _with(_with(settings, "kafka", bootstrap_servers="kafka-1:9092"), "clickhouse", url="http://house:8123")
    doubtful = {finding.what for finding in check_machine(far, ()) if finding.health is Health.DOUBTFUL}
    assert doubtful >= {"hash secret", "kafka encryption", "clickhouse encryption"}
