"""`highlights train-supervised` and `highlights score`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from schemas.vocabulary import read_vocabulary
from streams.cli.environment import load_settings
from streams.cli.output import console, errors, print_json

if TYPE_CHECKING:
    from scoring.supervised.training import Progress as Epoch
    from streams.supervised.releases import ModelManifest

FileArgument = Annotated[Path, typer.Argument(help="Clips with their features: Parquet or .npz, see `schemas/features.py`.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text.")]


def train_supervised(
    file: FileArgument,
    vocabulary: Annotated[Path | None, typer.Option(help="YAML file of tags by group; the package's own when not given.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the models; when not given, `models` among the releases.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, file and machine make the same model.")] = 1,
    epochs: Annotated[int, typer.Option(min=1, help="At most; training stops when held-out videos say so.")] = 100,
    json: JsonOption = False,
) -> None:
    """Learn scores and tags from labelled clips; the model is a release with a manifest, and `highlights score` uses it.

    The file has one row a clip: `video_id`, `clip_index`, groups of features as lists of numbers (visual, audio, text, ...),
    and the labels `score` (0-10), `score_sd` and `tags`, each null where nobody said. A tenth of the videos tells how good the
    model is, another part when to stop. Needs the extra `training`.

    Example: `highlights train-supervised clips.parquet`, then `highlights score clips.parquet`
    """
    from scoring.supervised.config import SupervisedConfig
    from streams.supervised.training import train_supervised as train

    settings, known = load_settings(), read_vocabulary(vocabulary)
    folder = out or settings.learning.models_folder(settings.data_dir)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=errors, transient=True
    ) as bar:
        task = bar.add_task("reading", total=epochs)

        def epoch(progress: "Epoch") -> None:
            bar.update(task, completed=progress.epoch, description=f"training, held-out quality {progress.quality:.3f}")

        manifest = train(
            file, folder, known, SupervisedConfig(most_epochs=epochs), seed,
            told=lambda step: bar.update(task, description=step), epoch=epoch,
        )  # fmt: skip
    if json:
        print_json(manifest.model_dump())
    else:
        _show(manifest, folder)


def score(
    file: FileArgument,
    release: Annotated[str, typer.Option(help="Name of the model; the newest when not given.")] = "",
    models: Annotated[Path | None, typer.Option(help="Folder of the models, where it is not that of the settings.")] = None,
    cast: Annotated[
        Path | None,
        typer.Option(help="Table of who is seen where: person, importance, video_id, and clip_index or from_s, to_s."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Score a file's clips with a model, and send the scores to topic `supervised-scores`, where workers cache them.

    What the topic says already is not sent again, so a run that was cut short can be repeated. A cast table (.csv, .jsonl,
    .parquet) gives clips the importance of the people in them; give it each time, since scores without it take its place.

    Example: `highlights score clips.parquet --release m-20261124T013000-1`
    """
    from streams.kafka import ensure_topics
    from streams.supervised.cast_table import read_cast
    from streams.supervised.publishing import load_model, publish_scores

    settings, people = load_settings(), read_cast(cast) if cast else {}
    name, model = load_model(models or settings.learning.models_folder(settings.data_dir), release or None)
    partitions = ensure_topics(settings.kafka, settings.group)
    with Progress(TextColumn("scoring"), TextColumn("{task.completed:,} clips"), TimeElapsedColumn(), console=errors) as bar:
        task = bar.add_task("", total=None)
        done = publish_scores(settings.kafka, partitions, file, name, model, people, lambda clips: bar.advance(task, clips))
    if json:
        print_json({"release": name, **done._asdict()})
    else:
        console.print(
            f"{done.clips:,} clips of {done.videos:,} videos scored with {name}; {done.unchanged:,} videos had it already"
        )


def cast(
    file: Annotated[
        Path, typer.Argument(help="Table of who is seen where (.csv, .jsonl, .parquet), as `score --cast` reads it.")
    ],
    json: JsonOption = False,
) -> None:
    """Load a cast table: give the clips that have scores already the importance of the people in them.

    Rows are `person`, `importance` (0-1), `video_id`, and `clip_index` or `from_s` and `to_s`. Neither model nor features are
    needed; what is the same already is not sent again.

    Example: `highlights cast cast.csv`
    """
    from streams.kafka import ensure_topics
    from streams.supervised.cast_table import read_cast
    from streams.supervised.cast_topic import publish_cast

    settings, people = load_settings(), read_cast(file)
    done = publish_cast(settings.kafka, ensure_topics(settings.kafka, settings.group), people)
    if json:
        print_json(done._asdict())
    else:
        console.print(
            f"{done.videos:,} videos of the table have scores, {done.unchanged:,} of them had these people already; "
            f"{done.unknown:,} have none: score them first"
        )


def _show(manifest: "ModelManifest", folder: Path) -> None:
    counts = manifest.counts
    console.print(f"{manifest.release} in {folder}, {manifest.seconds:.1f} s")
    console.print(
        f"{counts['clips']:,} clips of {counts['videos']:,} videos, {counts['scored_clips']:,} with a score, "
        f"{counts['tagged_clips']:,} with tags; measured on {counts['test_clips']:,} clips of videos that it has not seen:"
    )
    for name, value in manifest.metrics.items():
        console.print(f"  {name}: {value:,}")
