"""What a peer is told, what it tells back, and the sink that all share."""

import json
import os
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from benchmarks.peers.job import COLUMNS
from benchmarks.peers.memory import peak_mib

VARIABLE: Final = "BENCHMARK_ASSIGNMENT"
FLUSH_S: Final = 1.0
"""Time between inserts; while it is measured beside peers, our worker flushes as often."""
_TABLE: Final = "peer_scores"


@dataclass(frozen=True)
class Assignment:
    """Which topic a peer reads, where its scores go, and when it stops."""

    name: str
    servers: str
    topic: str
    partitions: int
    events: int
    limit_s: float
    folder: str
    clickhouse: str
    user: str
    password: str
    database: str

    @classmethod
    def given(cls) -> Self:
        """Return the assignment of this process."""
        return cls(**json.loads(os.environ[VARIABLE]))

    @property
    def figures(self) -> Path:
        """Return the file that a peer leaves; what it prints, some frameworks redirect."""
        return Path(self.folder, "figures.json")

    def as_environment(self) -> dict[str, str]:
        """Return the variables that give it to a process; there, not among the arguments, for the password's sake."""
        return {VARIABLE: json.dumps(asdict(self))}


class Meter:
    """Counts events from the first on, and knows when it is enough."""

    def __init__(self, assignment: Assignment) -> None:
        """Wait for the first event."""
        self._assignment = assignment
        self._started = self._cpu = 0.0
        self.events = 0

    def add(self, events: int = 1) -> bool:
        """Count events about to be processed; return whether the events or the time are used up."""
        if not self.events:
            self._started, self._cpu = time.monotonic(), time.process_time()
        self.events += events
        return self.events >= self._assignment.events or (
            self.events % 256 < events and time.monotonic() > self._started + self._assignment.limit_s
        )

    def report(self, rows: int = 0) -> None:
        """Tell the figures and end the process, once all is where it belongs."""
        seconds, cpu = time.monotonic() - self._started, time.process_time() - self._cpu
        memory = peak_mib(os.getpid())
        figures = {"measured": self.events, "seconds": seconds, "cpu_s": cpu, "memory_mib": memory, "rows": rows}
        self._assignment.figures.write_text(json.dumps(figures))
        os._exit(0)


class Sink:
    """A table of absolute, versioned rows in ClickHouse, over plain HTTP."""

    def __init__(self, assignment: Assignment) -> None:
        """Make the table anew."""
        self._assignment = assignment
        self._due = time.monotonic() + FLUSH_S
        self.rows = 0
        self._send(f"DROP TABLE IF EXISTS {_TABLE}")
        self._send(
            f"CREATE TABLE {_TABLE} (video_id String, clip_index UInt32, score Float32, score_low Float32,"
            " score_high Float32, exposures UInt32, shares UInt32, rewinds UInt32, fast_forwards UInt32, version UInt64)"
            " ENGINE = ReplacingMergeTree(version) ORDER BY (video_id, clip_index)"
        )

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next insert."""
        return time.monotonic() >= self._due

    def insert(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert rows, in the order of COLUMNS."""
        lines = [json.dumps(row) for row in rows]
        if lines:
            self._send(f"INSERT INTO {_TABLE} ({COLUMNS}) FORMAT JSONCompactEachRow", "\n".join(lines).encode())
        self.rows += len(lines)
        self._due = time.monotonic() + FLUSH_S

    def _send(self, query: str, body: bytes = b"") -> None:
        given = self._assignment
        address = f"{given.clickhouse}/?{urllib.parse.urlencode({'query': query, 'database': given.database})}"
        headers = {"X-ClickHouse-User": given.user, "X-ClickHouse-Key": given.password}
        request = urllib.request.Request(address, body, headers, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
