"""A campaign: several lanes side by side on the same servers, rounds until enough faults have happened, outages in between."""

import resource
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from threading import Event

import numpy as np
import psutil
import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.stack import EmbeddedStack
from streams.cli.environment import with_endpoints
from streams.settings import ClickHouseSettings, KafkaSettings, Settings, WorkerSettings
from tests.chaos.faults import MOST_WORKERS, Outage, draw_round
from tests.chaos.forked import WorkerForge
from tests.chaos.gate import Gate
from tests.chaos.lane import Lane
from tests.chaos.report import Failure, Fault, Report
from tests.infra.full_disk import full_disk
from tests.integration.running import eventually, without

log = structlog.get_logger()

_LANES = 4
_MORE_FAULTS = 200
"""That a campaign goes on for while it lacks what it is to have."""
_FAULTS_BETWEEN_OUTAGES = (8, 24)
_OUTAGE_S = (1.0, 5.0)
_PARTITIONS = 3
_SESSION_TIMEOUT_S = 3.0
"""Shorter than the default, so that a round does not wait."""


class Campaign:
    """Everything is drawn from the seed; what the machine's timing makes of it is not."""

    def __init__(self, stack: EmbeddedStack, folder: Path, seed: int, faults: int) -> None:
        """Set the plan."""
        self._stack = stack
        self._folder = folder
        self._seed = seed
        self._wanted = faults
        self.forge = WorkerForge(folder)
        self._gate = Gate()
        self._over = Event()
        self._admin = AdminClient({"bootstrap.servers": stack.endpoints.kafka, "log_level": 0})
        self.report = Report(seed)

    def run(self) -> Report:
        """Run it."""
        started = time.monotonic()
        with ThreadPoolExecutor(_LANES + 1) as threads:
            outages = threads.submit(self._run_outages)
            lanes = [threads.submit(self._run_lane, number) for number in range(_LANES)]
            try:
                for lane in lanes:
                    lane.result()
            finally:
                self._over.set()
            outages.result()
        self.report.seconds = time.monotonic() - started
        return self.report

    def _run_lane(self, number: int) -> None:
        for system in count():
            if self._is_over:
                return
            self._run_system(number, system)

    @property
    def _is_over(self) -> bool:
        """Whether enough has happened, or something else has ended it."""
        missing = self._wanted + (_MORE_FAULTS if self.report.lacks else 0) - self.report.count
        return missing <= 0 or self._over.is_set()

    def _run_system(self, number: int, system: int) -> None:
        """Play rounds on one system until its viewers are used up, something is wrong, or enough has happened."""
        name = f"chaos{number}x{system}"
        with self._gate.steady():
            lane = Lane(name, [self._seed, number, system], self._settings(name), self.forge, self._gate, self._folder)
        failure = None
        for round_number in count():
            if failure or lane.traffic.exhausted or self._is_over:
                break
            rng = np.random.default_rng([self._seed, number, system, round_number])
            round_ = draw_round(rng, turn=2 * number + round_number)
            lane.thin_out(int(rng.integers(0, MOST_WORKERS)))
            before = lane.traffic.sent
            log.info("round", lane=name, number=round_number, drawn=str(round_))
            faults, failure = lane.play(round_, rng)
            self.report.add(faults, failure, lane.traffic.sent - before)
            if failure:
                log.error("wrong", lane=name, number=round_number, wrong=failure.wrong)
        wrong = lane.close()
        if wrong and not failure:
            self.report.add([], Failure(name, "at the end of the lane", wrong))

    def _settings(self, name: str) -> Settings:
        own = Settings(
            data_dir=self._folder,
            kafka=KafkaSettings(topic_prefix=f"{name}-", interactions_partitions=_PARTITIONS),
            clickhouse=ClickHouseSettings(database=name, timeout_s=10.0),
            worker=WorkerSettings(
                session_timeout_s=_SESSION_TIMEOUT_S,
                flush_interval_s=0.1,
                stop_timeout_s=3.0,
                max_dead_letter_ratio=1.0,
                max_interactions_per_minute=0,
                exclusions_interval_s=1.0,
                metrics_port=0,
            ),
        )
        return with_endpoints(own, self._stack.endpoints)

    def _run_outages(self) -> None:
        rng = np.random.default_rng([self._seed])
        due = int(rng.integers(*_FAULTS_BETWEEN_OUTAGES))
        while not self._over.wait(0.2):
            if self.report.count >= due:
                outage, seconds = Outage(rng.choice(list(Outage))), float(rng.uniform(*_OUTAGE_S))
                with self._gate.outage():
                    log.info("outage", kind=outage.value, seconds=round(seconds, 1))
                    self._strike(outage, seconds)
                self.report.add([Fault("server", outage)], None)
                due = self.report.count + int(rng.integers(*_FAULTS_BETWEEN_OUTAGES))

    def _strike(self, outage: Outage, seconds: float) -> None:
        kafka, clickhouse = self._stack.kafka, self._stack.clickhouse
        strikes: dict[Outage, tuple[AbstractContextManager[None], float]] = {
            Outage.BROKER_KILLED: (without(kafka), 0.0),
            Outage.BROKER_RESTARTED: (_between(kafka.stop, kafka.start), 0.0),
            Outage.BROKER_FROZEN: (_freezing(kafka.pid), seconds),
            Outage.CLICKHOUSE_KILLED: (without(clickhouse), 0.0),
            Outage.CLICKHOUSE_DOWN: (without(clickhouse), seconds),
            Outage.CLICKHOUSE_FROZEN: (_freezing(clickhouse.pid), seconds),
            Outage.BROKER_DISK_FULL: (_without_files(kafka), seconds),
            Outage.CLICKHOUSE_DISK_FULL: (full_disk(self._folder), seconds),
        }
        struck, lasts_s = strikes[outage]
        with struck:
            time.sleep(lasts_s)
        eventually(self._has_leaders, "leaders of all partitions")

    def _has_leaders(self) -> bool:
        """Return whether every partition has a leader: for a moment after its start the broker has not found them."""
        try:
            topics = self._admin.list_topics(timeout=30).topics.values()
        except KafkaException:
            return False
        return all(place.leader >= 0 and place.error is None for topic in topics for place in topic.partitions.values())


@contextmanager
def _between(begin: Callable[[], None], finish: Callable[[], None]) -> Iterator[None]:
    begin()
    try:
        yield
    finally:
        finish()


def _freezing(pid: int) -> AbstractContextManager[None]:
    process = psutil.Process(pid)
    return _between(lambda: process.send_signal(signal.SIGSTOP), lambda: process.send_signal(signal.SIGCONT))


@contextmanager
def _without_files(kafka: EmbeddedKafka) -> Iterator[None]:
    """Let a broker write no file: what it then fails with is what it fails with on a full disk. It may end, or hang."""
    _, most = resource.prlimit(kafka.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(kafka.pid, resource.RLIMIT_FSIZE, (0, most))
    try:
        yield
    finally:
        kafka.kill()
        kafka.start()
