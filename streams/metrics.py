"""All metrics of the worker, in one list, each with its unit and what it means."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from prometheus_client import Counter, Gauge, Histogram

from schemas.dead_letters import Reason

_FLUSH_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_FRESHNESS_BUCKETS_S: Final = (0.5, 1, 2, 3, 5, 10, 30, 60, 300, 1_800, 3_600, 86_400)
_ROWS_BUCKETS: Final = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)


class Metric(NamedTuple):
    """What is to be known about a metric."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    meaning: str
    labels: tuple[str, ...]

    @property
    def series(self) -> tuple[str, ...]:
        """Names under which a query finds it."""
        return tuple(f"{self.name}_{part}" for part in ("bucket", "sum", "count")) if self.kind == "histogram" else (self.name,)


METRICS: Final[list[Metric]] = []


def _counter(name: str, unit: str, meaning: str, *labels: str) -> Counter:
    METRICS.append(Metric(name, "counter", unit, meaning, labels))
    return Counter(name, meaning, labels)


def _gauge(name: str, unit: str, meaning: str, *labels: str) -> Gauge:
    METRICS.append(Metric(name, "gauge", unit, meaning, labels))
    return Gauge(name, meaning, labels)


def _histogram(name: str, unit: str, meaning: str, *labels: str, buckets: Sequence[float]) -> Histogram:
    METRICS.append(Metric(name, "histogram", unit, meaning, labels))
    return Histogram(name, meaning, labels, buckets=buckets)


INTERACTIONS = _counter(
    "highlights_interactions_total", "interactions", "Interactions by fate: applied, duplicate, excluded.", "fate"
)
DEAD_LETTERS = _counter("highlights_dead_letters_total", "messages", "Messages sent to dead letters, of all topics.", "reason")
LAG = _gauge("highlights_lag", "messages", "Messages of topic interactions that are not yet applied.", "partition")
STOPPED = _gauge("highlights_stopped", "0 or 1", "1 where a partition is stopped for its dead letters.", "partition")
OWNED = _gauge("highlights_owned_partitions", "partitions", "Partitions that this worker has.")
PARTITIONS = _gauge("highlights_partitions", "partitions", "Partitions of topic interactions.")
UNFLUSHED = _gauge("highlights_unflushed_interactions", "interactions", "Interactions applied and not yet in ClickHouse.")

FRESHNESS = _histogram(
    "highlights_freshness_seconds",
    "seconds",
    "From Kafka's stamp of the oldest interaction in a flush until the flush is done; one value a flush and partition, so "
    "that no interaction of it waited longer.",
    buckets=_FRESHNESS_BUCKETS_S,
)
FLUSH_SECONDS = _histogram("highlights_flush_seconds", "seconds", "From taking a flush to its commit.", buckets=_FLUSH_BUCKETS_S)
FLUSH_STEP_SECONDS = _histogram(
    "highlights_flush_step_seconds",
    "seconds",
    "A step of a flush, failed ones too: clickhouse or changelog.",
    "step",
    buckets=_FLUSH_BUCKETS_S,
)
FLUSH_ROWS = _histogram("highlights_flush_rows", "rows", "Clips that a flush publishes.", buckets=_ROWS_BUCKETS)
FLUSH_FAILURES = _counter("highlights_flush_failures_total", "flushes", "Flushes that failed and were tried again.")
ROWS = _counter("highlights_published_rows_total", "rows", "Rows sent to ClickHouse.", "table")
REPLACEMENTS = _counter(
    "highlights_replaced_states_total", "states", "States computed anew without sessions or viewers that were excluded."
)

CLIPS = _gauge("highlights_state_clips", "clips", "Clips that state has room for.")
PAGES = _gauge("highlights_state_pages", "pages", "Statistics pages in state; a page is 32 clips of one video.")
SESSIONS = _gauge("highlights_state_sessions", "records", "Session records in state, one a session and page.")
STATE_BYTES = _gauge("highlights_state_bytes", "bytes", "Memory of statistics pages and session records.")
RELEASE = _gauge(
    "highlights_ranker_release", "1", "The ranker release that holds in a partition; empty: none.", "partition", "release"
)
FUSION = _gauge(
    "highlights_fusion_release", "1", "The fusion that holds in a partition: a release or the built-in.", "partition", "release"
)

# So that a rate is 0, and not absent, before the first.
for _fate in ("applied", "duplicate", "excluded"):
    INTERACTIONS.labels(_fate)
for _reason in Reason:
    DEAD_LETTERS.labels(_reason.value)
