"""Apache Kafka on loopback: one KRaft node, broker and controller, from the real jars."""

import fcntl
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self
from uuid import uuid4

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from infra.embedded.jars import kafka_jars
from infra.embedded.java import find_java
from infra.embedded.process import ChildProcess, EmbeddedServerError, free_port

_START_DEADLINE_S: Final = 60.0
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={log_dir}
auto.create.topics.enable=false
message.max.bytes=16777216
replica.fetch.max.bytes=16777216
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
group.min.session.timeout.ms=1000
log.cleaner.backoff.ms=5000
log.cleaner.min.cleanable.ratio=0.2
log.segment.bytes=67108864
log.retention.check.interval.ms=30000
"""


class EmbeddedKafka:
    """A Kafka server whose data lies in a folder. Data and port outlast stop and kill."""

    def __init__(self, data_dir: Path, *, cache_dir: Path, port: int = 0, java_heap_mb: int = 512) -> None:
        """Describe the server.

        Args:
            data_dir: its own folder.
            cache_dir: where the jars are kept between runs.
            port: on loopback; 0 takes a free one at the first start.
            java_heap_mb: Java's largest heap, MiB.
        """
        self._data_dir = data_dir.resolve()
        self._cache_dir = cache_dir
        self._port = port
        self._heap_mb = java_heap_mb
        self._process: ChildProcess | None = None
        self._lock: IO[str] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect, `127.0.0.1:PORT`."""
        return f"127.0.0.1:{self._port}"

    @property
    def alive(self) -> bool:
        """Whether the server runs."""
        return self._process is not None and self._process.alive

    def start(self) -> None:
        """Start the server; come back when it answers.

        Raises:
            EmbeddedServerError: it cannot be started.
        """
        self._own_folder()
        self._port = self._port or free_port()
        _check_free(self._port)
        properties = self._write_properties()
        java = [str(find_java()), f"-Xmx{self._heap_mb}m", "-XX:+UseSerialGC"]
        java += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"]
        java += ["-cp", ":".join(map(str, kafka_jars(self._cache_dir)))]
        if not (self._data_dir / "log" / "meta.properties").exists():
            self._format(java, properties)
        log_path = self._data_dir / "server.log"
        self._process = ChildProcess("Kafka", [*java, "kafka.Kafka", str(properties)], log_path)
        self._process.start()
        self._process.wait_until_ready(self._answers(), _START_DEADLINE_S)

    def _own_folder(self) -> None:
        if self.alive:
            message = f"Kafka is running already on {self.bootstrap_servers}"
            raise EmbeddedServerError(message)
        self._data_dir.mkdir(parents=True, exist_ok=True)
        if self._lock is None:
            lock = (self._data_dir / "lock").open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                lock.close()
                message = f"another process runs Kafka on {self._data_dir}: stop it, or set HIGHLIGHTS_DATA_DIR to another folder"
                raise EmbeddedServerError(message) from error
            self._lock = lock

    def _write_properties(self) -> Path:
        path = self._data_dir / "server.properties"
        text = _PROPERTIES.format(port=self._port, controller_port=free_port(), log_dir=self._data_dir / "log")
        path.write_text(text)
        return path

    def _format(self, java: list[str], properties: Path) -> None:
        command = [*java, "kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(properties)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            message = f"Kafka could not prepare {self._data_dir}: {(done.stderr or done.stdout).strip()[-500:]}"
            raise EmbeddedServerError(message)

    def _answers(self) -> Callable[[], bool]:
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0, "reconnect.backoff.max.ms": 200})

        def probe() -> bool:
            try:
                return bool(admin.list_topics(timeout=0.5).brokers)
            except KafkaException:
                return False

        return probe

    def stop(self) -> None:
        """Stop the server in order."""
        if self._process is not None:
            self._process.stop(grace_s=20.0)
        self._release()

    def kill(self) -> None:
        """End the server at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


def _cluster_id() -> str:
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            message = f"port {port} is taken: is `highlights up` running already? Another can be set with --kafka-port"
            raise EmbeddedServerError(message) from error
