"""All metrics of worker, feed and trainer, in one list, each with its unit and what it means."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Literal, NamedTuple

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from schemas.dead_letters import Reason

_FLUSH_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_FRESHNESS_BUCKETS_S: Final = (0.5, 1, 2, 3, 5, 10, 30, 60, 300, 1_800, 3_600, 86_400)
_ROWS_BUCKETS: Final = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
_ANSWER_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)


class Process(StrEnum):
    """What has an endpoint: each shows its own metrics alone, besides those that every Python process has."""

    WORKER = "worker"
    FEED = "feed"
    TRAINER = "trainer"


class Metric(NamedTuple):
    """What is to be known about a metric."""

    process: Process
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    meaning: str
    labels: tuple[str, ...]

    @property
    def series(self) -> tuple[str, ...]:
        """Names under which a query finds it."""
        return tuple(f"{self.name}_{part}" for part in ("bucket", "sum", "count")) if self.kind == "histogram" else (self.name,)


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


METRICS: Final[list[Metric]] = []
REGISTRIES: Final = {Process.WORKER: REGISTRY, Process.FEED: _registry(), Process.TRAINER: _registry()}


def _counter(name: str, unit: str, meaning: str, *labels: str, of: Process = Process.WORKER) -> Counter:
    METRICS.append(Metric(of, name, "counter", unit, meaning, labels))
    return Counter(name, meaning, labels, registry=REGISTRIES[of])


def _gauge(name: str, unit: str, meaning: str, *labels: str, of: Process = Process.WORKER) -> Gauge:
    METRICS.append(Metric(of, name, "gauge", unit, meaning, labels))
    return Gauge(name, meaning, labels, registry=REGISTRIES[of])


def _histogram(
    name: str, unit: str, meaning: str, *labels: str, buckets: Sequence[float], of: Process = Process.WORKER
) -> Histogram:
    METRICS.append(Metric(of, name, "histogram", unit, meaning, labels))
    return Histogram(name, meaning, labels, buckets=buckets, registry=REGISTRIES[of])


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
FLUSH_AGE = _gauge(
    "highlights_flush_age_seconds",
    "seconds",
    "Since the last flush ended well or found nothing to write; it grows while flushes fail and while the worker hangs.",
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

REQUESTS = _counter(
    "highlights_requests_total",
    "requests",
    "Answers by operation and status; a stream counts when it ends.",
    "route",
    "status",
    of=Process.FEED,
)
REQUEST_SECONDS = _histogram(
    "highlights_request_seconds",
    "seconds",
    "From a request until its answer begins.",
    "route",
    buckets=_ANSWER_BUCKETS_S,
    of=Process.FEED,
)
STREAMS = _gauge("highlights_open_streams", "streams", "Streams that are open.", of=Process.FEED)
FEED_CLIPS = _gauge("highlights_feed_clips", "clips", "Clips that the feed ranks.", of=Process.FEED)
FEED_AGE = _gauge(
    "highlights_feed_age_seconds",
    "seconds",
    "Since ClickHouse last told the feed what is new, or that nothing is.",
    of=Process.FEED,
)
FEED_REFRESH_SECONDS = _histogram(
    "highlights_feed_refresh_seconds",
    "seconds",
    "From asking ClickHouse until the newer ranking is there.",
    buckets=_FLUSH_BUCKETS_S,
    of=Process.FEED,
)

TRAININGS = _counter(
    "highlights_trainings_total",
    "trainings",
    "Rankers trained, by what became of them: accepted or refused by the gate, or failed.",
    "outcome",
    of=Process.TRAINER,
)
TRAINING_SECONDS = _gauge("highlights_training_seconds", "seconds", "What the newest ranker took.", of=Process.TRAINER)
TRAINED_AT = _gauge(
    "highlights_trained_timestamp_seconds", "seconds", "When the newest ranker was made, Unix time.", of=Process.TRAINER
)
PAIRS = _gauge("highlights_learned_pairs", "pairs", "Weak pairs that the newest ranker has learned from.", of=Process.TRAINER)
ACCURACY = _gauge(
    "highlights_gate_accuracy",
    "share",
    "Held-out pairs that the newest ranker orders rightly, by whose pairs they are: of viewers, or of labels.",
    "judge",
    of=Process.TRAINER,
)
DIFFERENCE = _gauge(
    "highlights_gate_difference",
    "share",
    "The same, less that of the release that held when it was made.",
    "judge",
    of=Process.TRAINER,
)

# So that a rate is 0, and not absent, before the first.
for _outcome in ("accepted", "refused", "failed"):
    TRAININGS.labels(_outcome)
for _fate in ("applied", "duplicate", "excluded"):
    INTERACTIONS.labels(_fate)
for _reason in Reason:
    DEAD_LETTERS.labels(_reason.value)
