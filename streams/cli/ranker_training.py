"""`highlights retrain` of a ranker: the training with its progress, its metrics and what became of it."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from schemas.errors import ConfigurationError, HighlightsError
from streams import clickhouse, metrics, tracing
from streams.cli.output import console, errors, print_json
from streams.cli.ranker_releases import brief, interval, releases_of
from streams.cli.schedule import repeat
from streams.kafka import ensure_topics
from streams.learning.releases import Manifest
from streams.learning.verdicts import count_verdict, publish_verdicts, show_verdict
from streams.metrics import Process
from streams.metrics_endpoint import serve_metrics
from streams.settings import Settings


def train(settings: Settings, period: timedelta | None, labels: Path | None, seed: int, json: bool) -> None:
    """Train a ranker, and say what became of it; with a period for good."""
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
