"""Traces: off unless a collector is set, and what is part of what when they are on."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from streams import tracing


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Where spans go in memory."""
    memory = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "_tracer", tracing.tracer_of(SimpleSpanProcessor(memory), "test", 1.0))
    return memory


def test_it_is_off_by_default() -> None:
    """Where no collector is set, a span costs no import of OpenTelemetry, which need not be installed."""
    code = (
        "import sys\n"
        "from streams import tracing\n"
        "from streams.settings import Settings\n"
        "tracing.configure(Settings().tracing, 'test')\n"
        "with tracing.span('work') as span: span.tell(a=1)\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_steps_are_parts_of_the_whole(exported: InMemorySpanExporter) -> None:
    """Each step ends where the next begins, and all are below the span that is open."""
    with tracing.span("whole", highlights__rows=3) as whole, tracing.steps() as steps:
        steps.begin("first")
        steps.begin("second")
        whole.tell(highlights__verdict="good")
    first, second, above = exported.get_finished_spans()
    assert [span.name for span in (first, second, above)] == ["first", "second", "whole"]
    assert first.parent == second.parent == above.context
    assert first.end_time <= second.start_time
    assert above.attributes == {"highlights.rows": 3, "highlights.verdict": "good"}


def test_an_error_is_noted_and_goes_on(exported: InMemorySpanExporter) -> None:
    """Work that fails is a failed span, and fails."""
    with pytest.raises(ValueError, match="no"), tracing.span("work"):
        raise ValueError("no")
    (span,) = exported.get_finished_spans()
    assert not span.status.is_ok
