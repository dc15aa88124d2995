"""`highlights worker --rebuild`: state computed again, with progress."""

from datetime import UTC, datetime

from streams import clickhouse
from streams.cli.output import errors
from streams.cli.replay import progress_bar
from streams.kafka import ensure_topics
from streams.rebuild import rebuild as compute_again
from streams.settings import Settings


def rebuild(settings: Settings, since: datetime | None) -> None:
    """Compute all state again, from the source's beginning or a time (UTC where it names no zone)."""
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    partitions = ensure_topics(settings.kafka, settings.group)
    client = clickhouse.connect(settings.clickhouse, create_database=True)
    with progress_bar() as progress:
        task = progress.add_task("interactions", total=None)
        rebuilt = compute_again(settings, client, partitions, since=since, progress=lambda count: progress.advance(task, count))
    count = sum(part.interactions for part in rebuilt)
    errors.print(f"state of {partitions} partitions computed again from {count:,} interactions", highlight=False)
