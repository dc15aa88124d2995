"""`highlights dead-letters`: what could not be applied, why, and another try."""

from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from schemas.dead_letters import Reason
from streams.cli.environment import load_settings
from streams.cli.output import JsonOption, console, print_json, printable

app = typer.Typer(help="Messages that could not be applied: list them, show one, send them again.", no_args_is_help=True)

ReasonOption = Annotated[Reason | None, typer.Option(help="Only letters with this reason.")]


@app.command("list")
def list_letters(
    reason: ReasonOption = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: JsonOption = False,
) -> None:
    """List dead letters, oldest first."""
    from streams import dead_letters

    letters = dead_letters.read(load_settings(), reason=reason or "", limit=limit)
    if json:
        print_json([letter.model_dump() for letter in letters])
        return
    table = Table(title=f"{len(letters)} dead letters", box=box.SIMPLE_HEAD)
    for name in ("place", "reason", "detail", "from", "bytes"):
        table.add_column(name)
    for letter in letters:
        cells = (letter.place, letter.reason, letter.detail, letter.source, f"{letter.size:,}")
        table.add_row(*(printable(cell) for cell in cells))
    console.print(table)


@app.command()
def show(place: Annotated[str, typer.Argument(help="PARTITION:OFFSET, as the list shows it.")], json: JsonOption = False) -> None:
    """Show one dead letter with its content."""
    from streams import dead_letters

    letter = dead_letters.show(load_settings(), place).model_dump()
    if json:
        print_json(letter)
    else:
        for name, value in letter.items():
            console.print(Text.assemble((name, "bold"), f"  {printable(str(value))}"), soft_wrap=True)


@app.command()
def replay(json: JsonOption = False) -> None:
    """Send all letters to their topic again, each once; what still cannot be applied comes back as a new letter."""
    from streams import dead_letters

    done = dead_letters.replay(load_settings())
    if json:
        print_json(done.model_dump())
        return
    console.print(f"{done.replayed:,} dead letters sent again")
    for topic, count in done.left.items():
        console.print(f"{count:,} stay here: topic {topic}, which they came from, is no more")
