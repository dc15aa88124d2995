"""A system under test: worker processes over real servers, and ways to feed and watch them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from clickhouse_connect.driver.client import Client

from schemas.topics import INTERACTIONS
from streams import clickhouse
from streams.audit import Audit, audit
from streams.cli.environment import as_environment
from streams.kafka import CommittedInteractions, VerifiedProducer, ensure_topics, topic_name
from streams.replay.publish import publish_interactions, publish_supervised
from streams.replay.simulate import SimulateSource
from streams.settings import Settings

START_MS = 1_790_000_000_000
_DEADLINE_S = 90.0


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables that give a child process the same settings."""
    kafka, house, worker = settings.kafka, settings.clickhouse, settings.worker
    return as_environment(settings) | {
        "HIGHLIGHTS_DATA_DIR": str(settings.data_dir),
        "HIGHLIGHTS_KAFKA__TOPIC_PREFIX": kafka.topic_prefix,
        "HIGHLIGHTS_KAFKA__INTERACTIONS_PARTITIONS": str(kafka.interactions_partitions),
        "HIGHLIGHTS_CLICKHOUSE__DATABASE": house.database,
        "HIGHLIGHTS_WORKER__GROUP": worker.group,
        "HIGHLIGHTS_WORKER__FLUSH_INTERVAL_S": str(worker.flush_interval_s),
        "HIGHLIGHTS_WORKER__MAX_CONSECUTIVE_DEAD_LETTERS": str(worker.max_consecutive_dead_letters),
        "HIGHLIGHTS_WORKER__METRICS_PORT": "0",
    }


def eventually(holds: Callable[[], bool], what: str, deadline_s: float = _DEADLINE_S) -> None:
    """Wait until something holds; fail when it does not in time."""
    end = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < end, f"not within {deadline_s:.0f} s: {what}"
        time.sleep(0.05)


class System:
    """Workers and their surroundings."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Create topics and tables."""
        self.settings = settings
        self.partitions = ensure_topics(settings.kafka, settings.worker.group)
        self.client: Client = clickhouse.connect(settings.clickhouse, create_database=True)
        clickhouse.migrate(self.client)
        self._folder = folder
        self._workers: list[subprocess.Popen[bytes]] = []
        self._numbers = count()
        self._committed = CommittedInteractions(settings.kafka, settings.worker.group)

    @property
    def log(self) -> str:
        """What the workers said."""
        return "\n".join(path.read_text() for path in sorted(self._folder.glob("worker-*.log")))

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Start a worker process."""
        with (self._folder / f"worker-{next(self._numbers)}.log").open("wb") as log:
            command = [sys.executable, "-m", "streams.cli", "worker"]
            env = os.environ | environment(self.settings)
            worker = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
        self._workers.append(worker)
        return worker

    def forget_workers(self) -> None:
        """Take no offence any more at how the workers so far have ended."""
        self.kill_all()
        self._workers.clear()

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
        publish_supervised(source.supervised_messages(), self.settings.kafka)
        return publish_interactions(source, self.settings.kafka)

    def send_raw(self, messages: Sequence[tuple[bytes | None, bytes | None]], topic: str = INTERACTIONS) -> None:
        """Send (key, value) messages as they are."""
        producer = VerifiedProducer(self.settings.kafka)
        for key, value in messages:
            producer.send(topic_name(self.settings.kafka, topic), key=key, value=value, headers=[("trace", b"\x00\xff")])
        producer.verify()

    def committed(self) -> int:
        """Return the number of source messages before the committed offsets."""
        return self._committed.count()

    def wait_for(self, messages: int) -> None:
        """Wait until that many source messages are applied, published and committed."""

        def done() -> bool:
            crashed = [worker.returncode for worker in self._workers if worker.poll() not in (None, 0, -9, -15)]
            assert not crashed, f"a worker ended with {crashed}:\n{self.log}"
            return self.committed() >= messages

        eventually(done, f"{messages} messages committed; the workers said:\n{self.log}")

    def audit(self) -> Audit:
        """Audit everything."""
        return audit(self.settings, self.client, self.partitions)
