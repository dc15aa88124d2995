"""One system under faults: topics, a group, a database and a ClickHouse proxy of its own, and rounds of faults."""

import signal
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path

import numpy as np

from schemas.errors import DeliveryError
from schemas.topics import EXCLUSIONS
from streams.kafka import CommittedOffsets
from streams.settings import Settings
from tests.chaos.faults import Round
from tests.chaos.forked import ForkedWorker, WorkerForge
from tests.chaos.gate import Gate
from tests.chaos.proxy import SpoilingProxy
from tests.chaos.report import FALLBACK, Failure, Fault
from tests.chaos.sabotage import Manner, Moment, Sabotage
from tests.chaos.traffic import Batch, Traffic
from tests.chaos.verdict import faults_of, wrong_sessions
from tests.integration.running import System

_STRIKE_DEADLINE_S = 12.0
_END_DEADLINE_S = 30.0
_QUIET_DEADLINE_S = 60.0
"""After the last outage."""
_SAID = 12_000
_TRIES = 3
_EXPECTED_ENDS = {Manner.KILL: (-signal.SIGKILL,), Manner.CRASH: (1,), Manner.TERMINATE: (0,)}


class Lane:
    """A system, its workers and its producers."""

    def __init__(self, name: str, seed: list[int], settings: Settings, forge: WorkerForge, gate: Gate, folder: Path) -> None:
        """Create topics and tables, and send the supervised outputs."""
        self.name = name
        self._forge = forge
        self._gate = gate
        with gate.steady():
            self._system = _patiently(lambda: System(settings, folder))
        self._proxy = SpoilingProxy(settings.clickhouse.url or "")
        through = settings.clickhouse.model_copy(update={"url": self._proxy.url})
        self._worker_settings = settings.model_copy(update={"clickhouse": through})
        self.traffic = Traffic(seed, settings, self._system.partitions)
        self._exclusions = CommittedOffsets(settings.kafka, settings.group, self._system.partitions, EXCLUSIONS)
        self.traffic.send_supervised()
        self._workers: list[ForkedWorker] = []

    def play(self, round_: Round, rng: np.random.Generator) -> tuple[list[Fault], Failure | None]:
        """Play a round; return the faults that happened, and what was wrong after them."""
        hit = [self._forge.start(self._worker_settings, sabotage) for sabotage in round_.sabotages]
        while len(self._workers) < round_.healthy:
            self._workers.append(self._forge.start(self._worker_settings))
        self._proxy.spoils.extend(round_.spoils)
        self._flow(hit, round_, rng)
        wrong: list[str] = []
        faults = [Fault("producer", batch) for batch in round_.batches if batch not in (Batch.PLAIN, Batch.LONG)]
        for worker in hit:
            fault, error = self._end(worker)
            faults.append(fault)
            wrong += error
        faults += [Fault("ClickHouse insert", spoil) for spoil in self._proxy.take_spoilt()]
        wrong += self._judge()
        return faults, Failure(self.name, str(round_), wrong) if wrong else None

    def _flow(self, hit: list[ForkedWorker], round_: Round, rng: np.random.Generator) -> None:
        """Send, until every drawn fault has happened or its time is over."""
        end = time.monotonic() + _STRIKE_DEADLINE_S
        for batch in round_.batches:
            with self._gate.steady() if batch is Batch.EXCLUSIONS else nullcontext():  # people try such a command again
                self.traffic.send(batch)
        while time.monotonic() < end and not all(worker.struck for worker in hit):
            time.sleep(float(rng.uniform(0.02, 0.25)))
            if not self.traffic.exhausted:
                self.traffic.send(Batch.PLAIN)

    def _end(self, worker: ForkedWorker) -> tuple[Fault, list[str]]:
        """See a worker that was hit to its end; one that never came to its moment is killed where it is."""
        plan = worker.sabotage
        if plan is None or not worker.struck:
            worker.kill()
            return FALLBACK, []
        fault = Fault("worker", plan.name)
        if plan.manner is Manner.FREEZE:
            self._thaw(worker)
            return fault, []
        if not worker.ended_within(_END_DEADLINE_S):
            if _broke_for_nobody(plan, worker):
                worker.kill()
                return Fault("worker", f"{plan.name} that the next rebalance did again"), []
            said = self._hanging(worker)
            worker.kill()
            return fault, [f"{plan.name}: still there after {_END_DEADLINE_S:.0f} s: {said}"]
        ends = _EXPECTED_ENDS[plan.manner]
        return fault, [] if worker.status in ends else [f"{plan.name}: ended with {worker.status}: {worker.said[-_SAID:]}"]

    def _thaw(self, worker: ForkedWorker) -> None:
        """Wake a frozen worker up when another has had time to take over from it."""
        if not self._workers:
            self._workers.append(self._forge.start(self._worker_settings))
        time.sleep(self._worker_settings.worker.session_timeout_s + 2.0)
        worker.signal(signal.SIGCONT)
        self._workers.append(worker)

    def _judge(self) -> list[str]:
        """Wait until all is applied; return what is wrong then."""
        wrong = self._lost_workers()
        end = time.monotonic() + _QUIET_DEADLINE_S
        while not self._is_quiet():
            wrong += self._lost_workers()
            if self._gate.is_closed:
                end = time.monotonic() + _QUIET_DEADLINE_S
            if time.monotonic() > end or not self._workers:
                return [*wrong, self._progress(), *self._last_words()]
            time.sleep(0.05)
        with self._gate.steady():
            return wrong + faults_of(self._system, self.traffic.sent)

    def _is_quiet(self) -> bool:
        return self._system.committed() >= self.traffic.sent and self._exclusions.count() >= self.traffic.exclusions

    def _progress(self) -> str:
        applied = f"{self._system.committed()} of {self.traffic.sent} messages"
        return f"{applied} and {self._exclusions.count()} of {self.traffic.exclusions} exclusions committed"

    def _lost_workers(self) -> list[str]:
        """Return what workers said that ended though nothing was done to them."""
        ended = [worker for worker in self._workers if worker.status is not None]
        lost = [worker for worker in ended if not _came_too_early(worker) and not _asks_to_be_started_again(worker)]
        self._workers = [worker for worker in self._workers if worker.status is None]
        if not self._workers and not lost:
            self._workers.append(self._forge.start(self._worker_settings))
        return [f"a healthy worker ended with {worker.status}: {worker.said[-_SAID:]}" for worker in lost]

    def _last_words(self) -> list[str]:
        return [self._hanging(worker) for worker in self._workers]

    @staticmethod
    def _hanging(worker: ForkedWorker) -> str:
        """Return what a worker says of where it hangs."""
        worker.signal(signal.SIGUSR1)
        worker.ended_within(1.0)
        return worker.said[-_SAID:]

    def thin_out(self, most: int) -> None:
        """Kill all but so many workers."""
        for worker in self._workers[most:]:
            worker.kill()
        self._workers = self._workers[:most]

    def close(self) -> list[str]:
        """Stop everything; return what is wrong with the sessions, which no score shows."""
        for worker in self._workers:
            worker.kill()
        self._proxy.close()
        with self._gate.steady():
            return wrong_sessions(self._system)


def _patiently(make: Callable[[], System]) -> System:
    """Make a system; a broker that has just come back may take its time with topics."""
    for _ in range(_TRIES - 1):
        with suppress(DeliveryError):
            return make()
    return make()


def _came_too_early(worker: ForkedWorker) -> bool:
    """Return whether a worker has ended as it should where a server does not answer at its start: whoever runs it tries again."""
    return "partitions ready" not in worker.said and "does not answer" in worker.said


def _asks_to_be_started_again(worker: ForkedWorker) -> bool:
    """Return whether Kafka's client has given up, as it may when a broker dies while a transaction ends.

    Only a new client can go on, and not in the same worker: it would turn away a successor, and write older state over newer. So
    the worker ends, says so, and whoever runs it starts it again.
    """
    return worker.status == 1 and "cannot write partition" in worker.said and "Start the worker again" in worker.said


def _broke_for_nobody(plan: Sabotage, worker: ForkedWorker) -> bool:
    """Return whether a take-over broke that a rebalance had ended already, and the next one, which does it anew, went well."""
    _, broke, after = worker.said.partition("partition not taken over")
    return plan.moment is Moment.RECOVERY and bool(broke) and "partitions ready" in after
