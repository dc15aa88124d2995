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
    events: Annotated[list[int], typer.Option(min=1, help="About how many interactions; give it again for more.")] = _DEFAULT_EVENTS,
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


def _tvsum_tables(agreement: TvsumAgreement) -> Iterable[Table]:
    least, median, most = agreement.clips_of_a_video
    about = (
        f"{agreement.videos} videos, {agreement.clips} clips ({least}-{most} a video, median {median:g}), {agreement.seeds} seeds; "
        "mean and 95 % interval over seeds"
    )
    columns = ("exposures", "weight of\nbehaviour", *tvsum_study.SCORES)
    yield _table(f"TVSum: Kendall's tau-b with the consensus of non-viewers. {about}", columns, agreement.rows, _tau_cells)
    title = "Paired differences: over seeds, in brackets over videos; seeds won"
    yield _table(title, tvsum_study.FUSED_AGAINST, agreement.rows, _difference_cells)
