"""How long a killed worker takes to be back, by the size of its state; and how fast state is computed again from the topics.

A worker applies a long log and is killed with SIGKILL. The clock runs from the start of the next process to the first commit of
an interaction that was sent meanwhile: start, taking the partitions over, reading the changelog, the first flush. Once as a new
member of the group, which waits for the session timeout of the dead one, and once under a static name. Then an audit is timed.
"""

import json
import time
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.children import wait_until, worker
from benchmarks.results import JsonOption
from benchmarks.system import START_MS, viewers, with_worker
from benchmarks.worker_rate import DEADLINE_S, wait_for
from schemas.interactions import Interaction
from schemas.topics import INTERACTIONS
from streams import clickhouse
from streams.audit import audit
from streams.cli.apart import system_apart
from streams.kafka import CommittedOffsets, VerifiedProducer, ensure_topics, topic_name
from streams.recompute import recompute
from streams.recovery import read_records
from streams.replay.publish import publish_interactions
from streams.settings import Settings

_LATER_MS: Final = START_MS + 40 * 86_400_000
_NAME: Final = "worker-1"


def main(
    events: Annotated[int, typer.Option(min=10_000, help="About how many interactions.")] = 3_000_000,
    videos: Annotated[int, typer.Option(min=1)] = 16_000,
    as_json: JsonOption = False,
) -> None:
    """Measure, and print a table."""
    with system_apart(Settings()) as settings:
        result = _measure(settings, publish_interactions(viewers(1, events, videos), settings.kafka))
    if as_json:
        print(json.dumps(result, indent=2))
        return
    table = Table(title="coming back after kill -9, and computing again")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for name, value in result.items():
        table.add_row(name.replace("_", " "), f"{value:,.0f}" if value >= 100 else f"{value:.2f}")
    Console().print(table)


def _measure(settings: Settings, total: int) -> dict[str, float]:
    partitions = ensure_topics(settings.kafka, settings.group)
    named, unnamed = (with_worker(settings, group_instance_id=name) for name in (_NAME, None))
    with worker(named) as first:
        wait_for(named, total, [first])
        first.kill()
    static_s = _time_to_first_commit(named, total)
    new_s = _time_to_first_commit(unnamed, total + 1)
    result = {"interactions": float(total)} | _sizes(settings, partitions)
    result |= {"back_as_static_member_s": static_s, "back_as_new_member_s": new_s}
    started, cpu = time.monotonic(), time.process_time()
    for partition in range(partitions):
        recompute(settings, partition, partitions)
    result["recomputed_interactions_per_s"] = (total + 2) / (time.monotonic() - started)
    result["recomputed_interactions_per_cpu_s"] = (total + 2) / (time.process_time() - cpu)
    started = time.monotonic()
    with clickhouse.connect(settings.clickhouse) as client:
        result["audit_differences"] = float(audit(settings, client, partitions).differences)
    return result | {"audit_s": time.monotonic() - started}


def _sizes(settings: Settings, partitions: int) -> dict[str, float]:
    with clickhouse.connect(settings.clickhouse) as client:
        clips = client.query("SELECT count() FROM fused_scores").result_rows[0][0]
    size = sum(len(value) for partition in range(partitions) for value in read_records(settings, partition).values())
    return {"clips": float(clips), "changelog_mib": size / 2**20}


def _time_to_first_commit(settings: Settings, total: int) -> float:
    """Return the seconds from a worker's start to its first commit behind so many interactions; then it is killed, too."""
    committed = CommittedOffsets(settings.kafka, settings.group, ensure_topics(settings.kafka, settings.group))
    _send_one(settings, total)
    started = time.monotonic()
    with worker(settings) as back:
        wait_until(lambda: committed.count() > total, f"interaction {total + 1:,} is committed", DEADLINE_S, back)
        taken_s = time.monotonic() - started
        back.kill()
    return taken_s


def _send_one(settings: Settings, number: int) -> None:
    play = Interaction(
        schema_version=1, kind="play", video_id="v", session_id=f"late-{number}", occurred_at_ms=_LATER_MS, from_s=0, to_s=10
    )
    producer = VerifiedProducer(settings.kafka)
    producer.send(topic_name(settings.kafka, INTERACTIONS), key=b"v", value=play.to_json())
    producer.verify()


if __name__ == "__main__":
    typer.run(main)
