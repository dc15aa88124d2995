"""The list of metrics."""

import pytest

from streams.metrics import METRICS, REGISTRIES, Process


@pytest.mark.parametrize("process", Process)
def test_the_list_holds_every_metric_of_ours(process: Process) -> None:
    """What Prometheus reads of a process is its part of the list, with its meanings, and what every Python process has."""
    families = list(REGISTRIES[process].collect())
    exposed = {family.name: family.documentation for family in families if family.name.startswith("highlights_")}
    listed = [metric for metric in METRICS if metric.process is process]
    assert {metric.name.removesuffix("_total"): metric.meaning for metric in listed} == exposed
    assert "process_resident_memory_bytes" in {family.name for family in families}


def test_units_are_in_the_names() -> None:
    """Seconds and bytes end the name, as Prometheus' conventions ask; so does _total of counters."""
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        for unit in ("seconds", "bytes"):
            assert metric.name.removesuffix("_total").endswith(f"_{unit}") == (metric.unit == unit)
