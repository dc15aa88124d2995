"""Traces by OpenTelemetry, where a collector is set. Without one, a span is nothing and costs nothing."""

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Final

from schemas.errors import ConfigurationError
from streams.settings import TracingSettings

_NAME: Final = "highlights"
_tracer: Any = None
"""OpenTelemetry's, once `configure` has been told of a collector; the extra need not be installed before."""


class Span:
    """A piece of work, or the absence of a trace of it."""

    def __init__(self, real: Any = None) -> None:
        """Stand for OpenTelemetry's span, or for none."""
        self._real = real

    def tell(self, **attributes: str | float) -> None:
        """Add attributes; `__` in a name stands for a dot."""
        if self._real is not None:
            self._real.set_attributes(_dotted(attributes))

    def rename(self, name: str) -> None:
        """Give it a name that was not known when it began."""
        if self._real is not None:
            self._real.update_name(name)


def configure(settings: TracingSettings, service: str) -> None:
    """Send spans of this process to the collector, if one is set.

    Args:
        settings: name the collector.
        service: what this process is called there.

    Raises:
        ConfigurationError: the extra is not installed.
    """
    global _tracer
    if settings.endpoint is None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        message = (
            f"{error.name} is not installed: HIGHLIGHTS_TRACING__ENDPOINT needs the extra `tracing`, "
            "pip install 'highlights[tracing]'"
        )
        raise ConfigurationError(message) from error
    _tracer = tracer_of(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.endpoint)), service, settings.ratio)


def tracer_of(processor: Any, service: str, ratio: float) -> Any:
    """Return a tracer whose spans go to a processor; they are sent at the process's end at the latest."""
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}), sampler=ParentBasedTraceIdRatio(ratio))
    provider.add_span_processor(processor)
    return provider.get_tracer(_NAME)


@contextmanager
def span(name: str, **attributes: str | float) -> Iterator[Span]:
    """Trace a piece of work, below the one that it is part of. An error that ends it is noted and goes on."""
    if _tracer is None:
        yield Span()
        return
    with _tracer.start_as_current_span(name, attributes=_dotted(attributes)) as real:
        yield Span(real)


@contextmanager
def span_of_request(scope: MutableMapping[str, Any]) -> Iterator[Span]:
    """Trace the answer to an ASGI request, below the trace that its headers name (W3C's `traceparent`), if they do."""
    if _tracer is None:
        yield Span()
        return
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    above = TraceContextTextMapPropagator().extract(headers)
    with _tracer.start_as_current_span(scope["method"], context=above, kind=SpanKind.SERVER) as real:
        yield Span(real)


class Steps:
    """A span at a time, each until the next begins."""

    def __init__(self) -> None:
        """Begin without one."""
        self._present = ExitStack()

    def begin(self, name: str) -> None:
        """End the step before, and begin one."""
        self._present.close()
        self._present.enter_context(span(name))

    def close(self) -> None:
        """End the last step."""
        self._present.close()


def steps() -> closing[Steps]:
    """Trace work that tells of its steps as it comes to them."""
    return closing(Steps())


def _dotted(attributes: Mapping[str, str | float]) -> dict[str, str | float]:
    return {name.replace("__", "."): value for name, value in attributes.items()}
