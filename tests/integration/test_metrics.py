"""The Prometheus endpoint of a worker that works."""

import socket
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from streams.metrics import METRICS
from tests.integration.running import System, eventually


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def scrape(port: int) -> dict[str, float]:
    """Return the sum of each series over its labels; nothing while the endpoint is not there."""
    try:
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    except OSError:
        return {}
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    return sums


def test_a_worker_tells_all_that_the_list_names(system: System) -> None:
    """After a flush every metric is there, and what is counted equals what was sent."""
    port = _free_port()
    system.start_worker(HIGHLIGHTS_WORKER__METRICS_PORT=str(port))
    sent = system.send_simulated(5_000)
    system.send_raw([(b"v1", b"no interaction")] * 3)
    system.wait_for(sent + 3)
    eventually(lambda: scrape(port).get("highlights_owned_partitions") == system.partitions, "gauges")
    found = scrape(port)
    rare = {"highlights_stopped", "highlights_flush_failures_total", "highlights_replaced_states_total"}
    assert {name for metric in METRICS for name in metric.series} - rare <= set(found)
    assert found["highlights_interactions_total"] == sent
    assert found["highlights_dead_letters_total"] == 3
    assert found["highlights_lag"] == 0
    assert found["highlights_freshness_seconds_count"] > 0
    assert found["highlights_state_sessions"] > 0
