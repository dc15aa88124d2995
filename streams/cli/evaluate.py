"""`highlights evaluate`: how well what is learned does, on data sets in a folder of yours."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from streams.cli.output import console, print_json

if TYPE_CHECKING:
    from scoring.evaluation.report import Report

app = typer.Typer(
    help="Measure what is learned on real data: several seeds, paired with baselines, an interval on each figure.",
    no_args_is_help=True,
)

DataOption = Annotated[Path, typer.Option("--data", help="Folder that holds the data sets' folders.")]
SeedsOption = Annotated[int, typer.Option(min=2, help="Seeds, and so repetitions.")]


def show(report: "Report", json: bool) -> None:
    """Print a report."""
    if json:
        print_json(asdict(report))
        return
    table = Table(title=f"{report.title}, {report.seeds} seeds", box=box.SIMPLE_HEAD, caption="\n".join(report.notes))
    for name in ("setting", "method", "metric", "mean ± 95 %", "better than", "by (seeds won)"):
        table.add_column(name)
    for row in report.rows:
        table.add_row(row.setting, row.method, row.metric, str(row.value), row.baseline or "", str(row.advantage or ""))
    console.print(table)
