"""What was tried and how it ended: kept while lanes run, shown as a table."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock

_SHOWN = 600


@dataclass(frozen=True)
class Fault:
    """One fault that happened."""

    kind: str
    name: str


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
        """Faults so far."""
        return self.faults.total()

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
        facts |= {"rounds": self.rounds, "messages": self.messages, "seconds": round(self.seconds)}
        (folder / "chaos.json").write_text(json.dumps(facts, indent=1) + "\n")
        (folder / "chaos.md").write_text(self.table() + "\n")

    def table(self) -> str:
        """Return everything as Markdown."""
        head = (
            f"Seed {self.seed}: {self.count} faults in {self.rounds} rounds, {self.messages:,} messages, {self.seconds:.0f} s; "
            f"{len(self.failures)} rounds with a wrong end.\n\n| where | fault | times |\n| --- | --- | ---: |\n"
        )
        return head + "\n".join(f"| {fault.kind} | {fault.name} | {times} |" for fault, times in self._sorted())

    def complaints(self) -> str:
        """Return what was wrong, the beginning of each complaint first: stacks are long."""
        said = [
            f"{failure.where}, after {failure.drawn}: {wrong[:_SHOWN]}" for failure in self.failures for wrong in failure.wrong
        ]
        return "\n\n".join(said)

    def _sorted(self) -> list[tuple[Fault, int]]:
        return sorted(self.faults.items(), key=lambda item: (item[0].kind, item[0].name))
