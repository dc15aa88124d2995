"""`highlights retrain`: a ranker, or a fusion, of what the workers know."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from schemas.errors import ConfigurationError, HighlightsError
from streams import clickhouse, metrics, tracing
from streams.cli import fusion_releases
from streams.cli.environment import load_settings
from streams.cli.output import JsonOption, console, errors, print_json
from streams.cli.releases import brief, interval, releases_of
from streams.cli.schedule import EveryOption, give_way, period_of, repeat
from streams.kafka import ensure_topics
from streams.learning.releases import Manifest
from streams.learning.verdicts import count_verdict, publish_verdicts, show_verdict
from streams.metrics import Process
from streams.metrics_endpoint import serve_metrics
from streams.settings import Settings

SeedOption = Annotated[int, typer.Option(min=0, help="The same seed and the same state make the same release.")]


def retrain(
    every: EveryOption = "",
    labels: Annotated[
        Path | None, typer.Option(help="File of scored clips to learn from, too: video_id, clip_index, score (.parquet, .npz).")
    ] = None,
    fusion: Annotated[bool, typer.Option("--fusion", help="Learn a fusion from --labels, and no ranker.")] = False,
    seed: SeedOption = 1,
    json: JsonOption = False,
) -> None:
    """Train a ranker on what viewers have done so far; it takes the place of the one before unless it is worse.

    Builds weak pairs from the workers' state, trains, judges the new ranker by pairs of videos that it has not seen, and sends
    the scores to the workers. With --every, the next is made that time after the last release, refused ones too: a restart
    changes nothing, and one that was interrupted is made again at once. With --labels, annotators' scores (0-10) of some of the
    library's clips are learned together with the pairs, and held-out labels judge, too. Needs the extra `training`. With
    --fusion, what each signal is worth is learned from the labels instead; it holds unless it is worse than the built-in fusion
    or than the best single signal.

    Example: `highlights retrain --labels clips.parquet`
    """
    settings = load_settings()
    period = period_of(every)
    give_way()
    if fusion:
        if period:
            raise typer.BadParameter("--every is of rankers: a fusion is learned when there are new labels")
        fusion_releases.learn(settings, labels, seed, json)
        return
    tracing.configure(settings.tracing, "highlights-trainer")
    if period:
        _serve_metrics(settings)

    def age() -> float:
        _finish(settings)
        return seconds_since(releases_of(settings).manifests(), datetime.now(UTC))

    repeat(period, age, lambda: _show(_counted(settings, seed, labels), json))


def _counted(settings: Settings, seed: int, labels: Path | None) -> Manifest:
    """Train once, and count it where that fails."""
    try:
        return _once(settings, seed, labels)
    except HighlightsError:
        metrics.TRAININGS.labels("failed").inc()
        raise


def _finish(settings: Settings) -> None:
    """Let the release hold that a command which died had begun to let hold."""
    from streams.learning.promote import finish

    releases = releases_of(settings)
    if releases.unfinished:
        partitions = ensure_topics(settings.kafka, settings.group)
        with releases.lock():
            release = finish(settings, partitions, releases)
        errors.print(f"{release} holds: a command had died while it let it hold")


def _once(settings: Settings, seed: int, labels: Path | None) -> Manifest:
    try:
        from streams.learning.retrain import retrain as run_retrain
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed: retraining needs the extra `training`, pip install 'highlights[training]'"
        raise ConfigurationError(message) from error
    partitions = ensure_topics(settings.kafka, settings.group)
    client = clickhouse.connect(settings.clickhouse)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as bar, tracing.span("retrain") as span, tracing.steps() as steps:
        task = bar.add_task("starting", total=None)

        def told(step: str) -> None:
            bar.update(task, description=step, total=None)
            steps.begin(step)

        manifest = run_retrain(
            settings,
            client,
            partitions,
            seed=seed,
            labels=labels,
            told=told,
            epoch=lambda at: bar.update(
                task, total=at.epochs, completed=at.epoch, description=f"training, accuracy {at.held_out_accuracy:.3f}"
            ),
        )
        span.tell(highlights__release=manifest.release, highlights__verdict=manifest.verdict)
    count_verdict(manifest)
    publish_verdicts(client, releases_of(settings).manifests())
    return manifest


def _serve_metrics(settings: Settings) -> None:
    """Serve the trainer's metrics, with those of the newest release that there is."""
    serve_metrics(Process.TRAINER, settings.learning.metrics_host, settings.learning.metrics_port, "LEARNING")
    for manifest in releases_of(settings).manifests()[-1:]:
        show_verdict(manifest)


def seconds_since(made: Sequence[Manifest], now: datetime) -> float:
    """Return the age of the last release, accepted or refused; infinity where there is none."""
    return (now - datetime.fromisoformat(made[-1].created_at)).total_seconds() if made else math.inf


def _show(manifest: Manifest, json: bool) -> None:
    if json:
        print_json(brief(manifest))
        return
    done = "holds now" if manifest.accepted else "is refused"
    console.print(f"{manifest.release} {done}: {manifest.verdict}")
    counts = manifest.counts
    console.print(
        f"{counts['learned_pairs']:,} pairs of {counts['clips']:,} clips, {counts['epochs']} epochs, {manifest.seconds:.1f} s"
    )
    for name, of in (("viewers", "pairs of viewers"), ("labels", "labelled clips")):
        found = manifest.metrics[name]
        console.print(
            f"held-out {of}: {found['pairs']:,} pairs, accuracy {interval(found['accuracy'])}, "
            f"against the release before {interval(found['difference'])}"
        )
