"""Metrics of the worker, in one list."""

from prometheus_client import Counter, Gauge, Histogram

INTERACTIONS = Counter("highlights_interactions", "Interactions by fate: applied, duplicate, dead_letter.", ["fate"])
DEAD_LETTERS = Counter("highlights_dead_letters", "Messages sent to dead letters, by reason.", ["reason"])
CLIPS = Gauge("highlights_state_clips", "Clips that state has room for.")
UNFLUSHED = Gauge("highlights_unflushed_interactions", "Interactions applied and not yet in ClickHouse.")
ROWS = Counter("highlights_published_rows", "Rows sent to ClickHouse, by table.", ["table"])
FLUSH_SECONDS = Histogram(
    "highlights_flush_seconds", "Time from taking a flush to its commit.", buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
)
FLUSH_FAILURES = Counter("highlights_flush_failures", "Flushes that failed and were tried again.")
LAG = Gauge("highlights_lag", "Messages of the source that are not yet applied.", ["partition"])
