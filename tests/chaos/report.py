"""What was tried and how it ended: kept while lanes run, shown as a table."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock

from tests.chaos.sabotage import FLUSH_MOMENTS

_SHOWN = 600
_SERVERS = ("Kafka", "ClickHouse")


@dataclass(frozen=True)
class Fault:
    """One fault that happened."""

    kind: str
    name: str


FALLBACK = Fault("fallback", "kill -9 where a worker stood that had not come to its moment in time")


@dataclass(frozen=True)
class Failure:
    """A round after which something was wrong."""

    where: str
    drawn: str
    wrong: Sequence[str]


@dataclass
class Report:
    """Of one campaign."""

    seed: int
    faults: Counter[Fault] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    rounds: int = 0
    messages: int = 0
    seconds: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    @property
    def count(self) -> int:
        """Faults so far; a fallback is none."""
        return self.faults.total() - self.fallbacks

    @property
    def fallbacks(self) -> int:
        """Sabotages that were drawn and did not strike."""
        return self.faults[FALLBACK]

    @property
    def struck(self) -> float:
        """Share of the drawn sabotages that struck."""
        count = sum(times for fault, times in self._sorted() if fault.kind == "worker")
        return count / max(1, count + self.fallbacks)

    @property
    def lacks(self) -> list[str]:
        """What no campaign is to be without, and this one is: a worker hit at each moment of a flush, each server away."""
        hit = [fault.name for fault, _ in self._sorted() if fault.kind == "worker"]
        away = [fault.name for fault, _ in self._sorted() if fault.kind == "server"]
        moments = [moment for moment in FLUSH_MOMENTS if not any(name.endswith(f", {moment}") for name in hit)]
        return [*moments, *(server for server in _SERVERS if not any(name.startswith(f"{server}: ") for name in away))]

    def add(self, faults: Sequence[Fault], failure: Failure | None, messages: int = 0) -> None:
        """Note a round."""
        with self._lock:
            self.faults.update(faults)
            self.rounds += 1
            self.messages += messages
            if failure:
                self.failures.append(failure)

    def write(self, folder: Path) -> None:
        """Write `chaos.json` and `chaos.md`."""
        faults = [asdict(fault) | {"times": times} for fault, times in self._sorted()]
        facts = {"seed": self.seed, "faults": faults, "failures": [asdict(failure) for failure in self.failures]}
        folder.mkdir(parents=True, exist_ok=True)
        facts |= {"struck": round(self.struck, 3), "lacks": self.lacks}
        facts |= {"rounds": self.rounds, "messages": self.messages, "seconds": round(self.seconds)}
        (folder / "chaos.json").write_text(json.dumps(facts, indent=1) + "\n")
        (folder / "chaos.md").write_text(self.table() + "\n")

    def table(self) -> str:
        """Return everything as Markdown."""
        head = (
            f"Seed {self.seed}: {self.count} faults in {self.rounds} rounds, {self.messages:,} messages, {self.seconds:.0f} s; "
            f"{len(self.failures)} rounds with a wrong end. {self.struck:.0%} of the drawn sabotages struck; for the others "
            f"{self.fallbacks} workers were killed where they stood.\n\n| where | fault | times |\n| --- | --- | ---: |\n"
        )
        return head + "\n".join(f"| {fault.kind} | {fault.name} | {times} |" for fault, times in self._sorted())

    def complaints(self) -> str:
        """Return what was wrong, the beginning of each complaint first: stacks are long."""
        said = [
            f"{failure.where}, after {failure.drawn}: {wrong[:_SHOWN]}" for failure in self.failures for wrong in failure.wrong
        ]
        return "\n\n".join(said)

    def _sorted(self) -> list[tuple[Fault, int]]:
        with self._lock:
            faults = dict(self.faults)
        return sorted(faults.items(), key=lambda item: (item[0].kind, item[0].name))
