"""`highlights retrain`, `highlights pairs` and `highlights releases`."""

import math
import os
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from schemas.errors import ConfigurationError, HighlightsError
from streams import clickhouse, metrics, tracing
from streams.cli import fusion_releases
from streams.cli.environment import load_settings
from streams.cli.output import console, errors, print_json
from streams.kafka import ensure_topics
from streams.learning.releases import Manifest, Releases
from streams.learning.verdicts import count_verdict, publish_verdicts, show_verdict
from streams.metrics import Process
from streams.metrics_endpoint import serve_metrics
from streams.settings import Settings

app = typer.Typer(
    help="Ranker releases: what they were made of, which one holds, and going back. Example: `highlights releases list`, then "
    "`highlights releases rollback`. Workers swap to a release whole, and rows in ClickHouse name it.",
    no_args_is_help=True,
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]


class Kind(StrEnum):
    """What is released."""

    RANKER = "ranker"
    FUSION = "fusion"


KindOption = Annotated[Kind, typer.Option(help="Which releases: of rankers, or of learned fusions.")]
SeedOption = Annotated[int, typer.Option(min=0, help="The same seed and the same state make the same release.")]
EveryOption = Annotated[str, typer.Option(help="Go on for good, once in this time: 30m, 6h, 1d. Unset: once.")]
_PAUSE = timedelta(minutes=10)
"""After an error, at most."""
_NICENESS = 10
"""Workers on the same machine go first."""
_PERIOD = re.compile(r"([1-9]\d*)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


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
    os.nice(_NICENESS)
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
        return seconds_since(_releases(settings).manifests(), datetime.now(UTC))

    _repeat(period, age, lambda: _show(_counted(settings, seed, labels), json))


def _counted(settings: Settings, seed: int, labels: Path | None) -> Manifest:
    """Train once, and count it where that fails."""
    try:
        return _once(settings, seed, labels)
    except HighlightsError:
        metrics.TRAININGS.labels("failed").inc()
        raise


def pairs(every: EveryOption = "", json: JsonOption = False) -> None:
    """Build weak pairs from the workers' state, for topic `weak-pairs` and ClickHouse.

    `highlights retrain` does it, too, and so does the worker that has the first partition, every
    HIGHLIGHTS_LEARNING__PAIRS_INTERVAL_HOURS.
    """
    from streams.learning.age import seconds_since_build

    settings = load_settings()
    os.nice(_NICENESS)

    def age() -> float:
        return seconds_since_build(clickhouse.connect(settings.clickhouse))

    _repeat(period_of(every), age, lambda: _show_pairs(_pairs(settings), json))


def _repeat(period: timedelta | None, age: Callable[[], float], once: Callable[[], None]) -> None:
    """Do something once; with a period for good, as soon as what was made last has that age, in seconds."""
    if period is None:
        once()
        return
    while True:
        try:
            time.sleep(max(0.0, period.total_seconds() - age()))
            once()
        except HighlightsError as error:
            pause = min(period, _PAUSE)
            errors.print(f"error: {error}; trying again in {pause}")
            time.sleep(pause.total_seconds())


def _pairs(settings: Settings) -> dict[str, int]:
    from streams.learning.snapshot import take_snapshot
    from streams.learning.weak_pairs import pairs_of, publish_pairs

    partitions = ensure_topics(settings.kafka, settings.worker.group)
    client = clickhouse.connect(settings.clickhouse)
    with errors.status("building weak pairs ..."):
        snapshot = take_snapshot(settings, partitions)
        built = pairs_of(snapshot)
        publish_pairs(settings, client, snapshot, built)
    return {"clips": snapshot.clips, "videos": len(snapshot.videos), "pairs": len(built.preferred)}


def _show_pairs(built: dict[str, int], json: bool) -> None:
    if json:
        print_json(built)
    else:
        console.print(f"{built['pairs']:,} pairs of {built['clips']:,} clips in {built['videos']:,} videos")


@app.command("list")
def list_releases(kind: KindOption = Kind.RANKER, json: JsonOption = False) -> None:
    """List all releases, the oldest first; the one that holds has a star."""
    settings = load_settings()
    if kind is Kind.FUSION:
        fusion_releases.print_list(settings, json)
        return
    releases = _releases(settings)
    current, found = releases.current, releases.manifests()
    if json:
        print_json([_brief(manifest) | {"current": manifest.release == current} for manifest in found])
        return
    table = Table(title=f"{len(found)} releases in {releases.folder}", box=box.SIMPLE_HEAD)
    for name in ("", "release", "made", "clips", "pairs", "held-out accuracy", "difference", "gate"):
        table.add_column(name, justify="right" if name in ("clips", "pairs") else "left")
    for manifest in found:
        star = "*" if manifest.release == current else ""
        counts = (f"{manifest.counts[name]:,}" for name in ("clips", "learned_pairs"))
        figures = (_interval(manifest.metrics["viewers"][name]) for name in ("accuracy", "difference"))
        table.add_row(star, manifest.release, manifest.created_at, *counts, *figures, manifest.verdict)
    console.print(table)


@app.command()
def show(
    release: Annotated[str, typer.Argument(help="Its name, as the list shows it; the current one when not given.")] = "",
) -> None:
    """Show a release's manifest as JSON: lineage, settings, seed, metrics, checksums."""
    releases = _releases(load_settings())
    name = release or releases.current
    if name is None:
        message = f"no release holds in {releases.folder}: make one with `highlights retrain`"
        raise ConfigurationError(message)
    print_json(releases.manifest(name).model_dump())


@app.command()
def promote(
    release: Annotated[str, typer.Argument(help="Its name, as the list shows it; `built-in` is a fusion, too.")],
    kind: KindOption = Kind.RANKER,
    json: JsonOption = False,
) -> None:
    """Let a release hold, whatever the gate said of it."""
    if kind is Kind.FUSION:
        fusion_releases.promote(load_settings(), release, json)
    else:
        _promote(load_settings(), release, json)


@app.command()
def rollback(kind: KindOption = Kind.RANKER, json: JsonOption = False) -> None:
    """Let the release hold again that held before the current one; once more, the one before that."""
    settings = load_settings()
    if kind is Kind.FUSION:
        fusion_releases.rollback(settings, json)
        return
    releases = _releases(settings)
    before = releases.before or (releases.manifest(releases.current).parent if releases.current else None)
    if before is None:
        message = "there is no release to go back to: `highlights releases list` shows all"
        raise ConfigurationError(message)
    releases.leave_current()
    _promote(settings, before, json)


def _promote(settings: Settings, release: str, json: bool) -> None:
    from streams.learning.promote import promote as promote_release

    releases = _releases(settings)
    partitions = ensure_topics(settings.kafka, settings.worker.group)
    with releases.lock():
        promote_release(settings, partitions, releases, release)
    if json:
        print_json({"current": release})
    else:
        console.print(f"{release} holds; workers swap to it as they read it")


def _finish(settings: Settings) -> None:
    """Let the release hold that a command which died had begun to let hold."""
    from streams.learning.promote import finish

    releases = _releases(settings)
    if releases.unfinished:
        partitions = ensure_topics(settings.kafka, settings.worker.group)
        with releases.lock():
            release = finish(settings, partitions, releases)
        errors.print(f"{release} holds: a command had died while it let it hold")


def _releases(settings: Settings) -> Releases:
    return Releases(settings.learning.folder(settings.data_dir))


def _once(settings: Settings, seed: int, labels: Path | None) -> Manifest:
    try:
        from streams.learning.retrain import retrain as run_retrain
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed: retraining needs the extra `training`, pip install 'highlights[training]'"
        raise ConfigurationError(message) from error
    partitions = ensure_topics(settings.kafka, settings.worker.group)
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
    publish_verdicts(client, _releases(settings).manifests())
    return manifest


def _serve_metrics(settings: Settings) -> None:
    """Serve the trainer's metrics, with those of the newest release that there is."""
    serve_metrics(Process.TRAINER, settings.learning.metrics_host, settings.learning.metrics_port, "LEARNING")
    for manifest in _releases(settings).manifests()[-1:]:
        show_verdict(manifest)


def period_of(text: str) -> timedelta | None:
    """Return the period that a text like 6h names; None for an empty one.

    Raises:
        BadParameter: it names none.
    """
    match = _PERIOD.fullmatch(text)
    if text and not match:
        message = f"--every {text}: a number and s, m, h or d is expected, as in 6h"
        raise typer.BadParameter(message)
    return timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None


def seconds_since(made: Sequence[Manifest], now: datetime) -> float:
    """Return the age of the last release, accepted or refused; infinity where there is none."""
    return (now - datetime.fromisoformat(made[-1].created_at)).total_seconds() if made else math.inf


def _show(manifest: Manifest, json: bool) -> None:
    if json:
        print_json(_brief(manifest))
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
            f"held-out {of}: {found['pairs']:,} pairs, accuracy {_interval(found['accuracy'])}, "
            f"against the release before {_interval(found['difference'])}"
        )


def _brief(manifest: Manifest) -> dict[str, Any]:
    return manifest.model_dump(include={"release", "created_at", "parent", "counts", "accepted", "verdict", "metrics", "seconds"})


def _interval(figure: dict[str, float] | None) -> str:
    return f"{figure['mean']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})" if figure else "-"
