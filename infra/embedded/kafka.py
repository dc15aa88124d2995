"""Apache Kafka on loopback: one KRaft node, broker and controller, from the real jars."""

import base64
import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self
from uuid import uuid4

from infra.embedded.jars import kafka_jars
from infra.embedded.java import find_java
from infra.embedded.kafka_settings import JAVA_OPTIONS, java_environment, server_properties
from infra.embedded.ports import free_port, wait_until_free
from infra.embedded.process import ChildProcess, EmbeddedServerError

_START_DEADLINE_S: Final = 60.0
_STOP_GRACE_S: Final = 20.0
_LONGEST_REASON: Final = 800


class EmbeddedKafka:
    """A Kafka server whose data lies in a folder. Data and port outlast stop and kill."""

    def __init__(self, data_dir: Path, *, cache_dir: Path, port: int = 0, java_heap_mb: int = 512) -> None:
        """Describe the server.

        Args:
            data_dir: its own folder; data, settings and log (`server.log`) lie in it.
            cache_dir: where the jars are kept between runs; several servers may share it.
            port: on loopback; 0 takes a free one at the first start.
            java_heap_mb: Java's largest heap, MiB.
        """
        self._data_dir = data_dir.resolve()
        self._cache_dir = cache_dir.resolve()
        self._port = port
        self._heap_mb = java_heap_mb
        self._process: ChildProcess | None = None
        self._lock: IO[str] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect, `127.0.0.1:PORT`.

        Raises:
            EmbeddedServerError: the port is not known before the first start.
        """
        if not self._port:
            message = "the embedded Kafka has no port yet: start() it first, or give it one"
            raise EmbeddedServerError(message)
        return f"127.0.0.1:{self._port}"

    @property
    def alive(self) -> bool:
        """Whether the server runs."""
        return self._process is not None and self._process.alive

    @property
    def pid(self) -> int:
        """The server's process number.

        Raises:
            EmbeddedServerError: it was never started.
        """
        if self._process is None:
            message = "the embedded Kafka was not started: call start() first"
            raise EmbeddedServerError(message)
        return self._process.pid

    def start(self) -> None:
        """Start the server; come back when it answers. After a failure nothing of it is left running.

        Raises:
            EmbeddedServerError: it runs already, another process has its folder or its port, Java or the jars are not to be had,
                or it does not come up: the text ends with the log's last lines then.
        """
        if self.alive:
            message = f"Kafka is running already on {self.bootstrap_servers} (process {self.pid}): stop() it first"
            raise EmbeddedServerError(message)
        self._own_folder()
        try:
            self._launch()
        except BaseException:
            self.kill()
            raise

    def _launch(self) -> None:
        self._port = self._port or free_port()
        wait_until_free(self._port, "--kafka-port")
        properties = self._write_properties()
        class_path = os.pathsep.join(map(str, kafka_jars(self._cache_dir)))
        java = [str(find_java()), *JAVA_OPTIONS, f"-Djava.io.tmpdir={self._empty_scratch()}", "-cp", class_path]
        # The formatter writes this file last: where it is, the folder is whole.
        if not (self._data_dir / "log" / "meta.properties").exists():
            self._format(java, properties)
        command = [*java, f"-Xmx{self._heap_mb}m", "kafka.Kafka", str(properties)]
        self._process = ChildProcess("Kafka", command, self._data_dir / "server.log", java_environment())
        self._process.start()
        self._process.wait_until_ready(self._answers(), _START_DEADLINE_S)

    def _own_folder(self) -> None:
        """Take the folder for this object, until `_release`."""
        if self._lock is not None:
            return
        lock = self._open_lock()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            owner = lock.read()
            lock.close()
            message = f"process {owner} runs Kafka on {self._data_dir}: stop it, or set HIGHLIGHTS_DATA_DIR to another folder"
            raise EmbeddedServerError(message) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _open_lock(self) -> IO[str]:
        if "," in str(self._data_dir):  # to Kafka it would be two folders
            message = (
                f"Kafka cannot keep data in {self._data_dir}, because of the comma: set HIGHLIGHTS_DATA_DIR to another folder"
            )
            raise EmbeddedServerError(message)
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            return (self._data_dir / "lock").open("a+")
        except OSError as error:
            message = f"Kafka's folder cannot be used ({error}): set HIGHLIGHTS_DATA_DIR to one of your own"
            raise EmbeddedServerError(message) from error

    def _empty_scratch(self) -> Path:
        """Return a folder for the native libraries that the jars unpack: a killed server leaves them behind."""
        scratch = self._data_dir / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        return scratch

    def _write_properties(self) -> Path:
        controller_port = free_port()
        while controller_port == self._port:
            controller_port = free_port()
        path = self._data_dir / "server.properties"
        path.write_text(server_properties(self._port, controller_port, self._data_dir / "log"))
        return path

    def _format(self, java: list[str], properties: Path) -> None:
        # An identifier may begin with "-", so it is tied by "=".
        options = [f"--cluster-id={_cluster_id()}", "--config", str(properties)]
        command = [*java, "kafka.tools.StorageTool", "format", *options]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                env=java_environment(),
                timeout=_START_DEADLINE_S,
            )
        except subprocess.TimeoutExpired as error:
            message = f"Kafka did not prepare {self._data_dir} within {_START_DEADLINE_S:.0f} s: try again when less else runs"
            raise EmbeddedServerError(message) from error
        if done.returncode:
            # Java says what is wrong first, and then where.
            reason = (done.stderr or done.stdout).strip()[:_LONGEST_REASON]
            message = f"Kafka could not prepare {self._data_dir}: {reason}\nMend it, or set HIGHLIGHTS_DATA_DIR to another folder"
            raise EmbeddedServerError(message)

    def _answers(self) -> Callable[[], bool]:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0, "reconnect.backoff.max.ms": 100})

        def probe() -> bool:
            try:
                return bool(admin.list_topics(timeout=0.5).brokers)
            except KafkaException:
                return False

        return probe

    def stop(self) -> None:
        """Stop the server in order; nothing happens where it is not running."""
        if self._process is not None:
            self._process.stop(_STOP_GRACE_S)
        self._release()

    def kill(self) -> None:
        """End the server at once (SIGKILL); nothing happens where it is not running."""
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

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Stop."""
        self.stop()


def _cluster_id() -> str:
    """Return a random identifier in the form that Kafka gives its own: base64url of 16 bytes."""
    return base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
