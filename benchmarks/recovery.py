"""How long a killed worker takes to be back, by the size of its state; and how fast state is computed again from the topics.

A worker applies a long log and is killed with SIGKILL. The clock runs from the start of the next process to the first commit of
an interaction that was sent meanwhile: start, taking the partitions over, reading the changelog, the first flush. Once as a new
member of the group, which waits for the session timeout of the dead one, and once under a static name. Then an audit is timed.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.worker_rate import wait_for
from infra.embedded.stack import EmbeddedStack
from schemas.interactions import Interaction
from schemas.topics import INTERACTIONS
from streams import clickhouse
from streams.audit import audit
from streams.cli.environment import cache_dir, environment_of, with_endpoints
from streams.cli.up import prepare
from streams.kafka import CommittedOffsets, VerifiedProducer, ensure_topics, topic_name
from streams.recompute import recompute
from streams.recovery import read_records
from streams.replay.publish import publish_interactions
from streams.replay.simulate import SimulateSource
from streams.settings import Settings

_START_MS = 1_790_000_000_000
_LATER_MS = _START_MS + 40 * 86_400_000
_NAME = {"HIGHLIGHTS_WORKER__GROUP_INSTANCE_ID": "worker-1"}


def main(
    events: Annotated[int, typer.Option(min=10_000, help="About how many interactions.")] = 3_000_000,
    videos: Annotated[int, typer.Option(min=1)] = 16_000,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure, and print a table."""
    with (
        tempfile.TemporaryDirectory(prefix="highlights-bench-") as folder,
        EmbeddedStack(Path(folder), cache_dir=cache_dir(), kafka_port=0, clickhouse_port=0) as stack,
    ):
        settings = with_endpoints(Settings(data_dir=Path(folder)), stack.endpoints)
        prepare(settings)
        source = SimulateSource(seed=1, events=events, videos=videos, start_ms=_START_MS)
        result = _measure(settings, publish_interactions(source, settings.kafka))
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
    _killed_after(settings, total, _NAME)
    static_s = _time_to_first_commit(settings, total, _NAME)
    new_s = _time_to_first_commit(settings, total + 1, {})
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


def _start(settings: Settings, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    env = environment_of(settings) | {"HIGHLIGHTS_WORKER__METRICS_PORT": "0"} | variables
    return subprocess.Popen([sys.executable, "-m", "streams.cli", "worker"], env=env, stderr=subprocess.DEVNULL)


def _killed_after(settings: Settings, wanted: int, variables: dict[str, str]) -> None:
    worker = _start(settings, variables)
    try:
        wait_for(settings, wanted, psutil.Process(worker.pid))
    finally:
        worker.kill()
        worker.wait()


def _time_to_first_commit(settings: Settings, total: int, variables: dict[str, str]) -> float:
    committed = CommittedOffsets(settings.kafka, settings.group, ensure_topics(settings.kafka, settings.group))
    _send_one(settings, total)
    started = time.monotonic()
    worker = _start(settings, variables)
    try:
        while committed.count() <= total:
            time.sleep(0.02)
        return time.monotonic() - started
    finally:
        worker.kill()
        worker.wait()


def _send_one(settings: Settings, number: int) -> None:
    play = Interaction(
        schema_version=1, kind="play", video_id="v", session_id=f"late-{number}", occurred_at_ms=_LATER_MS, from_s=0, to_s=10
    )
    producer = VerifiedProducer(settings.kafka)
    producer.send(topic_name(settings.kafka, INTERACTIONS), key=b"v", value=play.to_json())
    producer.verify()


if __name__ == "__main__":
    typer.run(main)
