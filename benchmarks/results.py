"""Where figures go that are kept: a JSON file in a folder."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

OutOption = Annotated[Path | None, typer.Option(help="Folder for a JSON file of the figures.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def keep(result: Any, out: Path | None, name: str) -> str:
    """Write a result into a folder, if there is one; return it as JSON."""
    text = json.dumps(result, indent=2)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.json").write_text(text + "\n")
    return text
