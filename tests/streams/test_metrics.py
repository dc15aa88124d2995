"""The list of metrics."""

from prometheus_client import REGISTRY

from streams.metrics import METRICS


def test_the_list_holds_every_metric_of_ours() -> None:
    """What Prometheus reads of us is the list, with its meanings."""
    exposed = {family.name: family for family in REGISTRY.collect() if family.name.startswith("highlights_")}
    assert {metric.name.removesuffix("_total"): metric.meaning for metric in METRICS} == {
        name: family.documentation for name, family in exposed.items()
    }


def test_units_are_in_the_names() -> None:
    """Seconds and bytes end the name, as Prometheus' conventions ask; so does _total of counters."""
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        for unit in ("seconds", "bytes"):
            assert metric.name.removesuffix("_total").endswith(f"_{unit}") == (metric.unit == unit)
