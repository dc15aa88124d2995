"""A system under test: worker processes over real servers, and ways to feed and watch them."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from infra.embedded.clickhouse import EmbeddedClickHouse
from infra.embedded.kafka import EmbeddedKafka
from schemas.topics import INTERACTIONS, SUPERVISED_SCORES
from streams import clickhouse
from streams.audit import Audit, audit
from streams.cli.environment import environment_of
from streams.kafka import CommittedOffsets, VerifiedProducer, ensure_topics, topic_name
from streams.reading import read
from streams.replay.publish import publish_interactions, publish_supervised
from streams.replay.simulate import SimulateSource
from streams.settings import Settings

START_MS = 1_790_000_000_000
_DEADLINE_S = 240.0
_SETTLED_WITHIN_S = 20.0


def eventually(holds: Callable[[], bool], what: str | Callable[[], str], deadline_s: float = _DEADLINE_S) -> None:
    """Wait until something holds; fail when it does not in time. A function of what fails is called then: a log has grown."""
    end = time.monotonic() + deadline_s
    while not holds():
        if time.monotonic() > end:
            pytest.fail(f"not within {deadline_s:.0f} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.05)


@contextmanager
def without(server: EmbeddedKafka | EmbeddedClickHouse) -> Iterator[None]:
    """Kill a server of the session's, and start it again in the end, whatever happens: the tests to come need it."""
    server.kill()
    try:
        yield
    finally:
        server.start()


class System:
    """Workers and their surroundings."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Create topics and tables."""
        self.settings = settings
        self.partitions = ensure_topics(settings.kafka, settings.group)
        self.client: Client = clickhouse.connect(settings.clickhouse, create_database=True)
        clickhouse.migrate(self.client)
        self._folder = folder
        self._workers: list[subprocess.Popen[bytes]] = []
        self._numbers = count()
        self._committed = CommittedOffsets(settings.kafka, settings.group, self.partitions)
        self._outputs_committed = CommittedOffsets(settings.kafka, settings.group, self.partitions, SUPERVISED_SCORES)
        self._outputs_sent = 0

    @property
    def log(self) -> str:
        """What the workers said."""
        return "\n".join(path.read_text() for path in sorted(self._folder.glob("worker-*.log")))

    @property
    def words(self) -> str:
        """What the workers said, without line breaks and indentation."""
        return " ".join(self.log.split())

    def start_worker(self, *options: str, module: str = "streams.cli", **variables: str) -> subprocess.Popen[bytes]:
        """Start a worker process, with options of the command and settings of its own."""
        return self.start("worker", *options, module=module, **variables)

    def start(self, *arguments: str, module: str = "streams.cli", **variables: str) -> subprocess.Popen[bytes]:
        """Start a process that stays, with settings of its own."""
        with (self._folder / f"worker-{next(self._numbers)}.log").open("wb") as log:
            command = [sys.executable, "-m", module, *arguments]
            env = environment_of(self.settings) | variables
            worker = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
        self._workers.append(worker)
        return worker

    def forget_workers(self) -> None:
        """Take no offence any more at how the workers so far have ended."""
        self.kill_all()
        self._workers.clear()

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `highlights` to its end, with settings of its own."""
        command, env = [sys.executable, "-m", "streams.cli", *arguments], environment_of(self.settings) | variables
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=_DEADLINE_S, check=False)

    def kill_all(self) -> None:
        """Kill what still runs."""
        for worker in self._workers:
            worker.kill()
            worker.wait()

    def source(self, events: int, seed: int = 1) -> SimulateSource:
        """Return simulated interactions with a small library."""
        return SimulateSource(seed=seed, events=events, start_ms=START_MS, videos=30, batch_size=5_000)

    def send_simulated(self, events: int, seed: int = 1) -> int:
        """Send supervised outputs and interactions; return the number of interactions."""
        source = self.source(events, seed)
        outputs = list(source.supervised_messages())
        publish_supervised(outputs, self.settings.kafka)
        self._outputs_sent += len(outputs)
        return publish_interactions(source, self.settings.kafka)

    def send_raw(self, messages: Sequence[tuple[bytes | None, bytes | None]], topic: str = INTERACTIONS) -> None:
        """Send (key, value) messages as they are."""
        producer = VerifiedProducer(self.settings.kafka)
        for key, value in messages:
            producer.send(topic_name(self.settings.kafka, topic), key=key, value=value, headers=[("trace", b"\x00\xff")])
        producer.verify()

    def messages(self, topic: str) -> int:
        """Return the number of messages in a topic."""
        kafka, parts = self.settings.kafka, range(self.partitions)
        return sum(len(batch) for partition in parts for batch in read(kafka, topic_name(kafka, topic), partition))

    def committed(self) -> int:
        """Return the number of source messages before the committed offsets."""
        return self._committed.count()

    def eventually(self, holds: Callable[[], bool], what: str, deadline_s: float = _DEADLINE_S) -> None:
        """Wait until something holds; fail with what the workers said when it does not in time, at once when one has crashed."""

        def done() -> bool:
            crashed = [worker.returncode for worker in self._workers if worker.poll() not in (None, 0, -9, -15)]
            assert not crashed, f"a worker ended with {crashed}:\n{self.log}"
            return holds()

        eventually(done, lambda: f"{what}; the workers said:\n{self.log}", deadline_s)

    def wait_for(self, messages: int) -> None:
        """Wait until that many source messages, and all simulated supervised outputs, are applied, published and committed."""
        self.eventually(lambda: self.committed() >= messages, f"{messages} messages committed")
        self.eventually(lambda: self._outputs_committed.count() >= self._outputs_sent, "all supervised outputs committed")

    def settled_audit(self) -> Audit:
        """Return an audit with no row in flight, or the last of some in a row; a state in another's place is published soon."""
        end = time.monotonic() + _SETTLED_WITHIN_S
        while True:
            result = self.audit()
            if time.monotonic() > end or not any(part.in_flight for part in result.partitions):
                return result

    def assert_exact(self, messages: int) -> Audit:
        """Assert that the audit finds nothing, not even a row that stays in flight, and that so many interactions were consumed.

        Returns:
            The audit.
        """
        result = self.settled_audit()
        assert result.differences == 0, [part.shown for part in result.partitions]
        assert [part.in_flight for part in result.partitions] == [0] * self.partitions
        assert sum(part.consumed for part in result.partitions) == messages
        return result

    def audit(self) -> Audit:
        """Audit everything."""
        return audit(self.settings, self.client, self.partitions)
