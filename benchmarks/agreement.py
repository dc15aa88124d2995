"""How well the fused score agrees with the truth, against the best that one signal alone does.

`tvsum` asks real annotators who were not among the viewers; `simulated` knows the true appeal of each clip.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import simulated_agreement
from benchmarks import tvsum_agreement as tvsum_study
from benchmarks.simulated_agreement import SimulatedRow
from benchmarks.tvsum_agreement import TvsumAgreement, TvsumRow
from schemas.errors import ConfigurationError

_DEFAULT_EVENTS = [200_000, 1_000_000]

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def tvsum(
    data: Annotated[Path, typer.Option(help="The folder that holds tvsum/.")],
    seeds: Annotated[int, typer.Option(min=1, help="Splits into viewers and others.")] = 8,
    as_json: AsJson = False,
) -> None:
    """Kendall's tau-b with annotators of TVSum who were not viewers."""
    try:
        agreement = tvsum_study.tvsum_agreement(data, seeds)
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from error
    _print(agreement, _tvsum_tables(agreement), as_json)


@app.command()
def simulated(
    seeds: Annotated[int, typer.Option(min=1, help="Libraries.")] = 5,
    events: Annotated[list[int], typer.Option(min=1, help="About how many interactions; may be repeated.")] = _DEFAULT_EVENTS,
    videos: Annotated[int, typer.Option(min=1, help="Size of a library.")] = 600,
    as_json: AsJson = False,
) -> None:
    """Spearman's rho with the true appeal of a simulated library's clips, and coverage of the fused score's interval."""
    rows = simulated_agreement.simulated_agreement(events, range(seeds), videos)
    _print(rows, [_simulated_table(rows)], as_json)


def _print(result: Any, tables: Iterable[Table], as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps(result, option=orjson.OPT_INDENT_2))
        return
    console = Console()
    # Tables are as wide as they need to be where nobody looks: in a file.
    console = console if console.is_terminal else Console(width=220)
    for table in tables:
        console.print(table)


def _tvsum_tables(agreement: TvsumAgreement) -> list[Table]:
    least, median, most = agreement.clips_of_a_video
    about = (
        f"{agreement.videos} videos, {agreement.clips} clips ({least}-{most} a video, median {median:g}), "
        f"{agreement.seeds} seeds, 95 % intervals"
    )
    names = ("supervised", "viewers", "extra", "exposures")
    agreements = _table(
        f"Kendall's tau-b with the consensus of non-viewers: {about}",
        (*names, "weight of\nbehaviour", *tvsum_study.SCORES),
        ((*_head(row), f"{row.behaviour_weight:.0%}", *map(_cell, row.tau.values())) for row in agreement.rows),
    )
    differences = _table(
        "Paired differences of tau: over seeds, seeds won (over videos)",
        (*names, *(f"fused - {name}" for name in tvsum_study.FUSED_AGAINST)),
        ((*_head(row), *map(_cell, row.fused_minus.values())) for row in agreement.rows),
    )
    return [agreements, differences]


def _head(row: TvsumRow) -> tuple[str, ...]:
    return (row.supervised, str(row.viewers), str(row.extra_viewers), f"{row.exposures:.1f}")


def _simulated_table(rows: Iterable[SimulatedRow]) -> Table:
    scores = simulated_agreement.SCORES
    names = [f"{place}\n{score}" for place in ("within", "library", "error") for score in scores]
    lines = (
        (
            f"{row.events:,}",
            "yes" if row.supervised else "no",
            row.exposures,
            f"{row.clips:,.0f}",
            *(_cell(part[score]) for part in (row.within_videos, row.over_library, row.error) for score in scores),
            _cell(row.coverage),
        )
        for row in rows
    )
    title = "Spearman's rho with the true appeal, within videos and over the library; error on 0-10; coverage of 90 % intervals"
    return _table(title, ("events", "models\nknow it", "exposures", "clips", *names, "coverage"), lines)


def _table(title: str, columns: Iterable[str], lines: Iterable[Iterable[str]]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD)
    for name in columns:
        table.add_column(name, justify="right")
    for line in lines:
        table.add_row(*line)
    return table


def _cell(figure: object) -> str:
    return "-" if figure is None else str(figure)


if __name__ == "__main__":
    app()
