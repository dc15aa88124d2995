"""`highlights export`: data sets for training elsewhere."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from schemas.errors import ConfigurationError
from streams.cli.environment import load_settings
from streams.cli.output import JsonOption, console, errors, print_json

if TYPE_CHECKING:
    from streams.export.dataset import DatasetManifest
    from streams.export.sources import Source

app = typer.Typer(
    help="Data sets as Parquet, with a card, splits by video and checksums. Example: `highlights export weak-pairs "
    "--min-confidence 0.3 --out pairs`, then `highlights export weak-pairs --out pairs --verify`. The same rows make the same "
    "files.",
    no_args_is_help=True,
)

OutOption = Annotated[Path, typer.Option(help="Folder of the data set; it must not exist.")]
SinceOption = Annotated[datetime | None, typer.Option(help="Event time, UTC.")]
UntilOption = Annotated[datetime | None, typer.Option(help="Event time, UTC; excluded.")]
LicenceOption = Annotated[str, typer.Option(help="Goes into the card: an SPDX name, or `other`.")]
VerifyOption = Annotated[bool, typer.Option("--verify", help="Write nothing: check the folder's files, sides and rows.")]


@app.command("weak-pairs")
def weak_pairs(
    out: OutOption,
    since: SinceOption = None,
    until: UntilOption = None,
    min_confidence: Annotated[float, typer.Option(min=0, max=1, help="Leave out pairs of less.")] = 0.0,
    licence: LicenceOption = "other",
    verify: VerifyOption = False,
    json: JsonOption = False,
) -> None:
    """Export the weak pairs of the newest build, or of the newest between --since and --until."""
    from streams import clickhouse
    from streams.export.sources import EARLIEST, LATEST
    from streams.export.sources import weak_pairs as weak_pair_source

    if verify:
        _tell(_verified(out, "weak-pairs"), out, json)
        return
    client = clickhouse.connect(load_settings().clickhouse)
    source = weak_pair_source(client, _utc(since) or EARLIEST, _utc(until) or LATEST, min_confidence)
    _tell(_write(out, source, licence), out, json)


@app.command()
def clips(
    out: OutOption,
    since: SinceOption = None,
    until: UntilOption = None,
    licence: LicenceOption = "other",
    verify: VerifyOption = False,
    json: JsonOption = False,
) -> None:
    """Export all clips, or those whose newest interaction is between --since and --until."""
    from streams import clickhouse
    from streams.export.sources import clips as clip_source

    if verify:
        _tell(_verified(out, "clips"), out, json)
        return
    client = clickhouse.connect(load_settings().clickhouse)
    _tell(_write(out, clip_source(client, _utc(since), _utc(until)), licence), out, json)


def _verified(out: Path, name: str) -> "DatasetManifest":
    from streams.export.verify import verify as verify_dataset

    manifest = verify_dataset(out)
    if manifest.name != name:
        message = f"{out} is whole, but holds {manifest.name}: verify it with `highlights export {manifest.name} --verify`"
        raise ConfigurationError(message)
    return manifest


def _write(out: Path, source: "Source", licence: str) -> "DatasetManifest":
    from streams.export.dataset import write

    columns = (TextColumn("{task.description}"), TextColumn("{task.completed:,} rows"), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task(f"exporting {source.name}", total=None)
        return write(out, source, licence, lambda rows: bar.advance(task, rows))


def _utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time else None


def _tell(manifest: "DatasetManifest", out: Path, json: bool) -> None:
    if json:
        print_json(manifest.model_dump())
        return
    sides = ", ".join(f"{name} {count.rows:,} ({count.videos:,} videos)" for name, count in manifest.splits.items())
    console.print(
        f"{manifest.name} in {out}, files, sides and rows are whole: {sides}; {manifest.left_out:,} left out between sides"
    )
