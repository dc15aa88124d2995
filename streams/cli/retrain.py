"""`highlights retrain`, `highlights pairs` and `highlights releases`."""

import os
import re
import time
import warnings
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
_NICENESS = 10
"""Workers on the same machine go first."""
_PERIOD = re.compile(r"([1-9]\d*)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def retrain(
    every: Annotated[str, typer.Option(help="Go on for good, once in this time: 30m, 6h, 1d. Unset: once.")] = "",
    labels: Annotated[
        Path | None, typer.Option(help="File of scored clips to learn from, too: video_id, clip_index, score (.parquet, .npz).")
    ] = None,
    fusion: Annotated[bool, typer.Option("--fusion", help="Learn a fusion from --labels, and no ranker.")] = False,
    seed: SeedOption = 1,
    json: JsonOption = False,
) -> None:
    """Train a ranker on what viewers have done so far; it takes the place of the one before unless it is worse.

    Builds weak pairs from the workers' state, trains, judges the new ranker by pairs of videos that it has not seen, and sends
    the scores to the workers. With --every, the time of the last try is in the folder of releases, so that a restart changes
    nothing. With --labels, annotators' scores (0-10) of some of the library's clips are learned together with the pairs, and
    held-out labels judge, too. Needs the extra `training`. With --fusion, what each signal is worth is learned from the labels
    instead; it holds unless it is worse than the built-in fusion or than the best single signal.

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
    while True:
        _wait_until_due(settings, period)
        try:
            _show(_once(settings, seed, labels), json)
        except HighlightsError as error:
            metrics.TRAININGS.labels("failed").inc()
            if period is None:
                raise
            errors.print(f"error: {error}; trying again in {every}")
            time.sleep(period.total_seconds())
        if period is None:
            return


def pairs(json: JsonOption = False) -> None:
    """Build weak pairs from the workers' state, for topic `weak-pairs` and ClickHouse. `highlights retrain` does it, too."""
    from streams.learning.snapshot import take_snapshot
    from streams.learning.weak_pairs import pairs_of, publish_pairs

    settings = load_settings()
    partitions = ensure_topics(settings.kafka, settings.worker.group)
    client = clickhouse.connect(settings.clickhouse)
    with errors.status("building weak pairs ..."):
        snapshot = take_snapshot(settings, partitions)
        built = pairs_of(snapshot)
        publish_pairs(settings, client, snapshot, built)
    result = {"clips": snapshot.clips, "videos": len(snapshot.videos), "pairs": len(built.preferred)}
    if json:
        print_json(result)
    else:
        console.print(f"{result['pairs']:,} pairs of {result['clips']:,} clips in {result['videos']:,} videos")


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
    """Let the release hold again that the current one took the place of."""
    settings = load_settings()
    if kind is Kind.FUSION:
        fusion_releases.rollback(settings, json)
        return
    releases = _releases(settings)
    parent = releases.manifest(releases.current).parent if releases.current else None
    if parent is None:
        message = "there is no release to go back to: `highlights releases list` shows all"
        raise ConfigurationError(message)
    _promote(settings, parent, json)


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


def _releases(settings: Settings) -> Releases:
    return Releases(settings.learning.folder(settings.data_dir))


def _once(settings: Settings, seed: int, labels: Path | None) -> Manifest:
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.jit")  # a library's, for its authors
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


def _wait_until_due(settings: Settings, period: timedelta | None) -> None:
    made = _releases(settings).manifests()
    if period and made:
        time.sleep(seconds_until_due(made[-1], period, datetime.now(UTC)))


def seconds_until_due(last: Manifest, period: timedelta, now: datetime) -> float:
    """Return how long it is until a period after the last release, accepted or refused, is over."""
    return max(0.0, (datetime.fromisoformat(last.created_at) + period - now).total_seconds())


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
