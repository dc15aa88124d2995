"""`highlights pairs`: weak pairs of what the workers know, for a topic and ClickHouse."""

from streams.cli.environment import load_settings
from streams.cli.output import JsonOption, console, errors, print_json
from streams.cli.schedule import EveryOption, give_way, period_of, repeat
from streams.settings import Settings


def pairs(every: EveryOption = "", json: JsonOption = False) -> None:
    """Build weak pairs from the workers' state, for topic `weak-pairs` and ClickHouse.

    `highlights retrain` does it, too, and so does the worker that has the first partition, every
    HIGHLIGHTS_LEARNING__PAIRS_INTERVAL_HOURS.
    """
    from streams import clickhouse
    from streams.learning.age import seconds_since_build

    settings = load_settings()
    give_way()

    def age() -> float:
        return seconds_since_build(clickhouse.connect(settings.clickhouse))

    repeat(period_of(every), age, lambda: _show_pairs(_pairs(settings), json))


def _pairs(settings: Settings) -> dict[str, int]:
    from streams import clickhouse
    from streams.kafka import ensure_topics
    from streams.learning.snapshot import take_snapshot
    from streams.learning.weak_pairs import pairs_of, publish_pairs

    partitions = ensure_topics(settings.kafka, settings.group)
    client = clickhouse.connect(settings.clickhouse)
    with errors.status("building weak pairs ..."):
        snapshot = take_snapshot(settings, partitions)
        built = pairs_of(snapshot)
        publish_pairs(settings, client, snapshot, built)
    return {"clips": snapshot.clips, "videos": len(snapshot.videos), "pairs": len(built.preferred)}


def _show_pairs(built: dict[str, int], json: bool) -> None:
    if json:
        print_json(built)
    else:
        console.print(f"{built['pairs']:,} pairs of {built['clips']:,} clips in {built['videos']:,} videos")
