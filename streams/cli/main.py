"""`highlights`: everything that people do with the system from a terminal."""

import logging
import sys
import warnings
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from infra.embedded.process import EmbeddedServerError
from infra.embedded.stack import CLICKHOUSE_PORT, KAFKA_PORT
from schemas.errors import HighlightsError
from streams.adapters.adapter import EventSource
from streams.cli import (
    dead_letters,
    evaluate,
    evaluate_fusion,
    evaluate_ranking,
    evaluate_supervised,
    exclusions,
    releases,
    supervised,
)
from streams.cli import export as exporting
from streams.cli import extract as extracting
from streams.cli import pairs as building
from streams.cli import retrain as retraining
from streams.cli.environment import load_settings
from streams.cli.output import JsonOption, audit_tables, complain, console, explanation_table, feed_table, print_json
from streams.cli.replay_request import Request, Source

app = typer.Typer(
    name="highlights",
    help="Live highlight scores for every ten seconds of your videos, from what viewers do with them.\n\n"
    "Start with `highlights demo`. To work with it: `highlights up` in one terminal, `highlights worker` in another, "
    "`highlights replay` in a third, then `highlights feed`. Settings are environment variables: HIGHLIGHTS_*.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

_RUN, _LOOK, _LEARN, _OPERATE = "Run it", "Look at it", "Learn from it", "Keep it right"
"""What people want of it, in the order of the help."""


@app.command(rich_help_panel=_RUN)
def demo(
    events: Annotated[int, typer.Option(min=1_000, help="About how many interactions.")] = 800_000,
    videos: Annotated[int, typer.Option(min=1, help="Size of the library.")] = 400,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    page: Annotated[
        bool | None, typer.Option(help="Serve the page at the end, until Ctrl-C.", show_default="if there is a terminal")
    ] = None,
) -> None:
    """Run the whole system on simulated viewers, train a ranker on what they did, show the feed, and serve the page."""
    from streams.cli.demo import demo as run_demo

    wanted = sys.stdout.isatty() if page is None else page
    run_demo(load_settings(), events=events, videos=videos, seed=seed, page=wanted)


@app.command(rich_help_panel=_RUN)
def up(
    kafka_port: Annotated[int, typer.Option(help="Port of Kafka on 127.0.0.1; 0 takes a free one.")] = KAFKA_PORT,
    clickhouse_port: Annotated[
        int, typer.Option(help="Port of ClickHouse's HTTP interface; 0 takes a free one.")
    ] = CLICKHOUSE_PORT,
) -> None:
    """Run a real Kafka and ClickHouse here, until Ctrl-C. Their data stays in HIGHLIGHTS_DATA_DIR."""
    from streams.cli.up import up as run_servers

    run_servers(load_settings(), kafka_port, clickhouse_port)


@app.command(rich_help_panel=_RUN)
def worker(
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="First compute the state again from the topics. No other worker may run.")
    ] = False,
    since: Annotated[
        datetime | None, typer.Option(help="With --rebuild: leave out what Kafka received before, UTC; else from the beginning.")
    ] = None,
) -> None:
    """Turn interactions into fused scores, until SIGTERM or Ctrl-C. Start more of them to share the work."""
    from streams.worker import run_worker

    settings = load_settings()
    if since and not rebuild:
        raise typer.BadParameter("--since is of --rebuild: give both, or neither")
    if rebuild:
        from streams.cli.rebuild import rebuild as compute_again

        compute_again(settings, since)
    run_worker(settings)


@app.command(rich_help_panel=_RUN)
def replay(
    source: Annotated[Source, typer.Option(help="Where the interactions come from.")] = Source.SIMULATE,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="For jsonl: a file of interactions, one JSON object a line; for openedx and the like: of their events. "
            "- is standard input."
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="For tvsum: the folder that holds tvsum/.")] = None,
    events: Annotated[
        int | None, typer.Option(min=1, help="At most so many interactions; simulate makes 100,000 when not set.")
    ] = None,
    videos: Annotated[int, typer.Option(min=1, help="For simulate: size of the library.")] = 600,
    viewers: Annotated[int, typer.Option(min=0, help="For tvsum: extra viewers drawn around each annotator.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same interactions.")] = 1,
    rate: Annotated[float | None, typer.Option(min=1, help="Interactions a second; as fast as possible when not set.")] = None,
    json: JsonOption = False,
) -> None:
    """Send interactions to Kafka: simulated viewers, the annotators of TVSum, your own file, or one of other systems' events.

    Example: `highlights replay --source openedx tracking.log`
    """
    from streams.cli.replay import replay as send

    result = send(load_settings(), Request(source, file, data, events, videos, viewers, seed, rate))
    if json:
        print_json(result)
    else:
        console.print(f"sent {result['interactions']:,} interactions in {result['seconds']:.1f} s")


@app.command(rich_help_panel=_RUN)
def adapt(
    source: Annotated[EventSource, typer.Option(help="Whose events they are.")],
    topic: Annotated[str, typer.Option("--from", help="Topic that has them, one JSON object a message.")],
    json: JsonOption = False,
) -> None:
    """Turn the events that your players already send into interactions, until SIGTERM or Ctrl-C.

    What cannot be read goes to dead letters. Start more of them to share the work.
    Example: `highlights adapt --source segment --from player-events`
    """
    from streams.cli.adapt import adapt as forward

    result = forward(load_settings(), source, topic)
    if json:
        print_json(result)
    else:
        console.print(", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in result.items()))


@app.command(rich_help_panel=_LOOK)
def feed(
    top: Annotated[int, typer.Option(min=1, max=10_000, help="How many clips.")] = 20,
    tag: Annotated[str, typer.Option(help="Only clips with this tag.")] = "",
    video: Annotated[str, typer.Option(help="Only clips of this video.")] = "",
    json: JsonOption = False,
) -> None:
    """Show the best clips now, with what their scores are made of."""
    from streams import clickhouse
    from streams.feed import feed as read_feed

    rows = read_feed(clickhouse.connect(load_settings().clickhouse), top=top, tag=tag, video=video)
    if json:
        print_json([row.model_dump() for row in rows])
    elif rows:
        console.print(feed_table(rows, "highlights"))
    else:
        console.print("no clip has a score yet" + (" that fits --tag and --video" if tag or video else ": is a worker running?"))


@app.command(rich_help_panel=_LOOK)
def explain(
    clip_id: Annotated[str, typer.Argument(help="VIDEO_ID:CLIP_INDEX, as `highlights feed` shows it.")],
    json: JsonOption = False,
) -> None:
    """Show what a clip's score is made of: components, counts, rates, versions, offsets."""
    from streams import clickhouse
    from streams.feed import explain as read_explanation

    explanation = read_explanation(clickhouse.connect(load_settings().clickhouse), clip_id)
    if json:
        print_json(explanation)
    else:
        console.print(explanation_table(explanation))


@app.command(rich_help_panel=_RUN)
def serve() -> None:
    """Serve the page and the feed over HTTP, until SIGTERM or Ctrl-C: `curl http://127.0.0.1:8600/v1/highlights?limit=5`."""
    from streams import clickhouse
    from streams.serving.server import run_server

    settings = load_settings()
    run_server(clickhouse.connect(settings.clickhouse), settings)


@app.command(rich_help_panel=_OPERATE)
def audit(json: JsonOption = False) -> None:
    """Compute everything again from the topics, and compare: counts, state, ClickHouse. Exit status 1 on any difference.

    Where the topic does not hold any more what a partition's state began with, ClickHouse is compared with the state, and the
    result says so. Example: `highlights audit --json | jq .differences`
    """
    from streams import clickhouse
    from streams.audit import audit as run_audit
    from streams.kafka import ensure_topics

    settings = load_settings()
    client = clickhouse.connect(settings.clickhouse)
    with console.status("reading the topics ..."):
        result = run_audit(settings, client, ensure_topics(settings.kafka, settings.group))
    if json:
        print_json(result.model_dump() | {"differences": result.differences})
    else:
        for table in audit_tables(result):
            console.print(table)
    raise typer.Exit(1 if result.differences else 0)


@app.command(rich_help_panel=_OPERATE)
def doctor(json: JsonOption = False) -> None:
    """Look at everything that may be wrong, and say the command that mends it. Exit status 1 when anything is bad.

    It reads each partition's whole state, and changes nothing. Example: `highlights doctor --json | jq .is_well`
    """
    from streams.cli.doctor import doctor as look

    if not look(as_json=json):
        raise typer.Exit(1)


@app.command(rich_help_panel=_OPERATE)
def ddl(
    cluster: Annotated[str, typer.Option(help="Name of the cluster, as in system.clusters.")],
) -> None:
    """Print the tables for a ClickHouse cluster: highlights ddl --cluster main | clickhouse-client -d highlights --multiquery.

    Run it once, in the database that HIGHLIGHTS_CLICKHOUSE__DATABASE names; workers then find everything in place. Their
    user needs `distributed_foreground_insert = 1`, so that what is inserted has arrived.
    """
    from schemas.clickhouse.cluster import cluster_statements

    sys.stdout.write("".join(f"{statement};\n\n" for statement in cluster_statements(cluster)))


for _command in (
    retraining.retrain,
    building.pairs,
    extracting.extract,
    supervised.train_supervised,
    supervised.score,
    supervised.cast,
):
    app.command(rich_help_panel=_LEARN)(_command)
app.add_typer(releases.app, name="releases", rich_help_panel=_LEARN)
app.add_typer(exporting.app, name="export", rich_help_panel=_LEARN)
app.add_typer(evaluate.app, name="evaluate", rich_help_panel=_LEARN)
app.add_typer(dead_letters.app, name="dead-letters", rich_help_panel=_OPERATE)
app.add_typer(exclusions.app, name="exclusions", rich_help_panel=_OPERATE)
for _evaluation in (
    evaluate_ranking.ranking,
    evaluate_supervised.label_distribution,
    evaluate_supervised.tags,
    evaluate_supervised.multitask,
    evaluate_fusion.fusion,
):
    evaluate.app.command()(_evaluation)


def main() -> None:
    """Run the command; an error that people can mend is one line, not a traceback."""
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.jit")  # a library's, for its authors
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())  # what it complains of is told as an error of ours
    try:
        app()
    except (HighlightsError, EmbeddedServerError) as error:
        complain(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
