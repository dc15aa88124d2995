"""What worker, feed and trainer tell Prometheus, and a collector of traces."""

import gzip
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families

from infra.embedded.ports import free_port
from streams.metrics import METRICS, Process
from tests.integration.running import System


class Collector:
    """Takes spans as an OpenTelemetry collector does: OTLP over HTTP."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.spans: list[tuple[str, Span]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector._take(gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}/v1/traces"

    def _take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            (service,) = [a.value.string_value for a in resource.resource.attributes if a.key == "service.name"]
            self.spans += [(service, span) for scope in resource.scope_spans for span in scope.spans]

    def names(self, service: str) -> set[str]:
        """Return the names of all spans of a service."""
        return {span.name for of, span in self.spans if of == service}


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that listens."""
    found = Collector()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()


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


def _series(process: Process) -> set[str]:
    return {name for metric in METRICS if metric.process is process for name in metric.series}


def test_a_worker_tells_all_that_the_list_names(system: System, collector: Collector) -> None:
    """After a flush every metric is there, what is counted equals what was sent, and the flush is traced with its steps."""
    port = free_port()
    system.start_worker(HIGHLIGHTS_WORKER__METRICS_PORT=str(port), HIGHLIGHTS_TRACING__ENDPOINT=collector.endpoint)
    sent = system.send_simulated(5_000)
    system.send_raw([(b"v1", b"no interaction")] * 3)
    system.wait_for(sent + 3)
    rare = {"highlights_stopped", "highlights_flush_failures_total", "highlights_replaced_states_total"}
    system.eventually(lambda: _series(Process.WORKER) - rare <= set(scrape(port)), "all series")
    system.eventually(lambda: scrape(port)["highlights_lag"] == 0, "gauges of now")
    found = scrape(port)
    assert found["highlights_owned_partitions"] == system.partitions
    assert not _series(Process.FEED) & set(found)
    assert found["highlights_interactions_total"] == sent
    assert found["highlights_dead_letters_total"] == 3
    assert found["highlights_freshness_seconds_count"] > 0
    assert found["highlights_state_sessions"] > 0
    steps = {"flush", "flush.clickhouse", "flush.changelog", "flush.offsets"}
    system.eventually(lambda: collector.names("highlights-worker") >= steps, "spans of a flush")
    flushes = {span.span_id for _, span in collector.spans if span.name == "flush"}
    assert {span.parent_span_id for _, span in collector.spans if span.name == "flush.clickhouse"} <= flushes


def test_a_feed_tells_all_that_the_list_names(system: System, collector: Collector) -> None:
    """Answers are counted by operation and status, and a request's span is below the caller's."""
    system.start_worker()
    system.wait_for(system.send_simulated(1_000))
    port, metrics_port = free_port(), free_port()
    system.start(
        "serve",
        HIGHLIGHTS_SERVING__PORT=str(port),
        HIGHLIGHTS_SERVING__METRICS_PORT=str(metrics_port),
        HIGHLIGHTS_TRACING__ENDPOINT=collector.endpoint,
    )
    system.eventually(lambda: scrape(metrics_port).get("highlights_feed_clips", 0) > 0, "a feed")
    caller = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    system.eventually(lambda: _asked(f"http://127.0.0.1:{port}/v1/highlights", caller), "an answer")
    assert httpx.get(f"http://127.0.0.1:{port}/v1/clips/nobody:1").status_code == 404
    system.eventually(lambda: _series(Process.FEED) <= set(scrape(metrics_port)), "all series")
    assert not _series(Process.WORKER) & set(scrape(metrics_port))
    text = httpx.get(f"http://127.0.0.1:{metrics_port}/metrics").text
    assert 'highlights_requests_total{route="/v1/clips/{clip_id:path}",status="404"} 1.0' in text
    system.eventually(lambda: "GET /v1/highlights" in collector.names("highlights-feed"), "spans of requests")
    (asked,) = [span for _, span in collector.spans if span.name == "GET /v1/highlights"]
    assert (asked.trace_id.hex(), asked.parent_span_id.hex()) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


def test_a_trainer_that_stays_tells_what_became_of_trainings(system: System) -> None:
    """One that had nothing to learn from is counted as failed, and the trainer goes on."""
    pytest.importorskip("torch", reason="the extra `training` is not installed")
    port = free_port()
    trainer = system.start("retrain", "--every", "6h", HIGHLIGHTS_LEARNING__METRICS_PORT=str(port))
    system.eventually(lambda: "highlights_trained_timestamp_seconds" in scrape(port), "an endpoint")
    system.eventually(lambda: scrape(port)["highlights_trainings_total"] == 1, "a training")
    assert 'highlights_trainings_total{outcome="failed"} 1.0' in httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert not _series(Process.WORKER) & set(scrape(port))
    assert trainer.poll() is None


def _asked(address: str, headers: dict[str, str]) -> bool:
    try:
        return httpx.get(address, headers=headers).status_code == 200
    except httpx.HTTPError:
        return False
