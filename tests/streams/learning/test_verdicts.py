"""What Prometheus is told of trainings."""

from streams.learning.verdicts import count_verdict
from streams.metrics import REGISTRIES, Process
from tests.streams.learning.manifests import manifest


def _figure(mean: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - 0.1, "high": mean + 0.1}


def _shown(name: str, **labels: str) -> float | None:
    return REGISTRIES[Process.TRAINER].get_sample_value(f"highlights_{name}", labels)


def test_the_newest_ranker_is_shown_as_the_gate_saw_it() -> None:
    """Accuracy and difference by whose pairs they are of; what could not be judged is not there, nor left over from before."""
    nobody = {"pairs": 3, "accuracy": None, "difference": None}
    first = {"viewers": {"pairs": 90, "accuracy": _figure(0.7), "difference": None}, "labels": nobody}
    second = {"viewers": {"pairs": 90, "accuracy": _figure(0.6), "difference": _figure(-0.1)}, "labels": nobody}
    before = {outcome: _shown("trainings_total", outcome=outcome) or 0 for outcome in ("accepted", "refused")}
    for release, metrics, accepted in (("r1", first, True), ("r2", second, False)):
        made = manifest(release, created_at="2026-01-01T00:00:00+00:00")
        count_verdict(
            made.model_copy(update={"metrics": metrics, "accepted": accepted, "counts": {"learned_pairs": 40}, "seconds": 12.5})
        )
    assert _shown("gate_accuracy", judge="viewers") == 0.6
    assert _shown("gate_difference", judge="viewers") == -0.1
    assert _shown("gate_accuracy", judge="labels") is None
    assert {outcome: _shown("trainings_total", outcome=outcome) for outcome in before} == {
        outcome: count + 1 for outcome, count in before.items()
    }
    assert (_shown("learned_pairs"), _shown("training_seconds")) == (40, 12.5)
    assert _shown("trained_timestamp_seconds") == 1_767_225_600
