"""This system and what users would take instead, side by side: the same topic, machine and core, in alternating order.

Each round fills Kafka anew; then each system reads the topic from its beginning, on a core of its own where the machine has two,
until it has read all or its time is over. All publish as often. Our rate counts from the first commit to the last, a peer's from
the first event until its last row is in ClickHouse. What each does of the job is told by SYSTEMS.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
from clickhouse_connect.driver.exceptions import ClickHouseError
from rich.console import Console
from rich.table import Table

from benchmarks.cores import CORES, OTHERS, take_cores
from benchmarks.peers.assignment import FLUSH_S, Assignment
from benchmarks.results import JsonOption, OutOption, keep
from benchmarks.system import fill, viewers, with_worker
from benchmarks.worker_rate import run_workers
from schemas.topics import INTERACTIONS
from streams import clickhouse
from streams.cli.apart import system_apart
from streams.kafka import ensure_topics, topic_name
from streams.settings import Settings

_OURS: Final = "highlights"
_PYTHON_APART: Final = Path(".venv-bench", "bin", "python")
"""Of the environment that `make bench` makes."""
_LONGEST_START_S: Final = 45.0


class System(NamedTuple):
    """One that takes part."""

    title: str
    module: str
    is_installed_apart: bool
    does: str


SYSTEMS: Final = {
    _OURS: System(
        "this system",
        "",
        False,
        "all: contract and dead letters, statistics, fitted prior, supervised outputs, scores, ClickHouse, changelog in "
        "transactions; each event has its effect once",
    ),
    "raw": System(
        "confluent_kafka + orjson", "raw_consumer", False, "fetch and decode only: the ceiling of Python event by event"
    ),
    "faust": System(
        "stock Faust",
        "stock_faust",
        False,
        "statistics and behaviour's score, ClickHouse, changelog; no contract, supervised outputs or fitted prior; at least once",
    ),
    "quix": System(
        "Quix Streams",
        "quix_streams",
        True,
        "as Faust, state in RocksDB with changelog; at least once",
    ),
    "bytewax": System(
        "Bytewax",
        "bytewax_flow",
        True,
        "as Faust, state in memory, snapshots to local SQLite every 10 s instead of a changelog; ClickHouse at least once",
    ),
}


def main(
    events: Annotated[int, typer.Option(min=1_000, help="About how many interactions a round.")] = 2_000_000,
    videos: Annotated[int, typer.Option(min=1)] = 600,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    limit_s: Annotated[float, typer.Option(min=1, help="Longest time of a peer, from its first event on.")] = 10.0,
    systems: Annotated[str, typer.Option(help="Names joined by commas.")] = ",".join(SYSTEMS),
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure; print a table of medians, with the range over rounds."""
    names = checked_names(systems)
    take_cores(OTHERS)
    engines, measured = zip(*(_round(seed, names, events, videos, limit_s) for seed in range(rounds)), strict=True)
    systems_measured = _summary(names, [row for rows in measured for row in rows])
    result = {"events": events, "rounds": rounds, "kafka_engine": engines[0], "systems": systems_measured}
    text = keep(result, out, "side_by_side")
    if as_json:
        print(text)
    else:
        _show(result)


def checked_names(systems: str) -> list[str]:
    """Return the names of systems, each of which can be run here.

    Raises:
        BadParameter: one cannot.
    """
    names = systems.split(",")
    if unknown := set(names) - set(SYSTEMS):
        message = f"--systems {','.join(sorted(unknown))}: choose from {', '.join(SYSTEMS)}"
        raise typer.BadParameter(message)
    apart = [name for name in names if SYSTEMS[name].is_installed_apart]
    if apart and not _PYTHON_APART.exists():
        message = f"--systems {','.join(apart)}: there is no {_PYTHON_APART} here; `make .venv-bench/.installed` makes it"
        raise typer.BadParameter(message)
    return names


def _round(seed: int, names: list[str], events: int, videos: int, limit_s: float) -> tuple[str, list[dict[str, Any]]]:
    """Return what ClickHouse's Kafka engine says, and each system's figures; which comes first changes from round to round."""
    turn = seed % len(names)
    with system_apart(with_worker(Settings(), flush_interval_s=FLUSH_S)) as settings:
        total = fill(settings, viewers(seed, events, videos))
        rows = [{"name": name} | _measured(name, settings, total, limit_s) for name in names[turn:] + names[:turn]]
        return _kafka_engine(settings), rows


def _measured(name: str, settings: Settings, total: int, limit_s: float) -> dict[str, Any]:
    """Return a system's figures of one round; where a peer does not come to an end, what it said last."""
    if name == _OURS:
        figures = run_workers(settings, total).figures
        cpu_s, rows = figures["cpu_s_per_million"], figures["clips"]
    else:
        try:
            figures = _run_peer(name, settings, total, limit_s)
        except subprocess.TimeoutExpired as error:
            return {"failed": f"no end after {error.timeout:.0f} s: {(error.stderr or b'').decode()[-500:]}"}
        cpu_s, rows = figures["cpu_s"] / figures["measured"] * 1e6, figures["rows"]
    return {
        "interactions_per_s": figures["measured"] / figures["seconds"],
        "cpu_s_per_million": cpu_s,
        "memory_mib": figures["memory_mib"],
        "rows": rows,
    }


def _run_peer(name: str, settings: Settings, total: int, limit_s: float) -> dict[str, float]:
    system, sink = SYSTEMS[name], settings.clickhouse
    with tempfile.TemporaryDirectory(prefix="highlights-bench-") as folder:
        given = Assignment(
            name=name,
            servers=settings.kafka.bootstrap_servers or "",
            topic=topic_name(settings.kafka, INTERACTIONS),
            partitions=ensure_topics(settings.kafka, settings.group),
            events=total,
            limit_s=limit_s,
            folder=folder,
            clickhouse=sink.url or "",
            user=sink.user,
            password=sink.password.get_secret_value(),
            database=sink.database,
        )
        python = str(_PYTHON_APART) if system.is_installed_apart else sys.executable
        done = subprocess.run(
            [python, "-m", f"benchmarks.peers.{system.module}"],
            env=os.environ | given.as_environment(),
            capture_output=True,
            text=True,
            timeout=limit_s + _LONGEST_START_S,
            check=False,
            preexec_fn=partial(take_cores, CORES[-1:]),
        )
        if done.returncode:
            message = f"{system.title} ended with {done.returncode}: {done.stderr[-2000:]}"
            raise RuntimeError(message)
        figures: dict[str, float] = json.loads(given.figures.read_text())
        return figures


def _summary(names: list[str], measured: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each system's median, and the range over rounds."""
    summary = []
    for name in names:
        rows = [row for row in measured if row["name"] == name and "failed" not in row]
        failed = [row["failed"] for row in measured if row["name"] == name and "failed" in row]
        figures = {
            figure: {"median": statistics.median(values), "low": min(values), "high": max(values)}
            for figure in ("interactions_per_s", "cpu_s_per_million", "memory_mib", "rows")
            if (values := [row[figure] for row in rows])
        }
        summary.append({"name": name, "title": SYSTEMS[name].title, "does": SYSTEMS[name].does, "failed": failed} | figures)
    return summary


def _kafka_engine(settings: Settings) -> str:
    """Return what the embedded ClickHouse says to a table of its Kafka engine."""
    try:
        with clickhouse.connect(settings.clickhouse) as client:
            client.command(
                "CREATE TABLE engine (video_id String) ENGINE = Kafka SETTINGS kafka_broker_list = {servers:String}, "
                f"kafka_topic_list = '{INTERACTIONS}', kafka_group_name = 'engine', kafka_format = 'JSONEachRow'",
                {"servers": settings.kafka.bootstrap_servers},
            )
            client.command("DROP TABLE engine")
    except ClickHouseError as error:
        return f"refused, {str(error).partition('server response: ')[2].partition(' (version')[0]}"
    return "accepted: measure it, too"


def _show(result: dict[str, Any]) -> None:
    table = Table(title=f"side by side, {result['rounds']} rounds: median (lowest to highest)")
    for column in ("system", "interactions/s", "CPU s per million", "memory, MiB", "rows published", "does"):
        table.add_column(column, justify="left" if column in ("system", "does") else "right")
    for row in result["systems"]:
        figures = (row.get(name) for name in ("interactions_per_s", "cpu_s_per_million", "memory_mib", "rows"))
        failed = f"; did not end in {len(row['failed'])} rounds" if row["failed"] else ""
        table.add_row(row["title"], *(_shown(figure) for figure in figures), row["does"] + failed)
    console = Console()
    console.print(table)
    console.print(f"ClickHouse's own Kafka engine, embedded: {result['kafka_engine']}")


def _shown(figure: dict[str, float] | None) -> str:
    if figure is None:
        return "-"
    digits = 0 if figure["median"] >= 100 else 2
    return f"{figure['median']:,.{digits}f} ({figure['low']:,.{digits}f} to {figure['high']:,.{digits}f})"


if __name__ == "__main__":
    typer.run(main)
