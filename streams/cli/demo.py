"""`highlights demo`: the whole system, from nothing to the ranked feed, in a folder of its own that is removed in the end."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from clickhouse_connect.driver.client import Client

from schemas.errors import DeliveryError
from streams import clickhouse
from streams.audit import audit
from streams.cli.apart import system_apart
from streams.cli.environment import environment_of
from streams.cli.output import audit_tables, console, explanation_table, feed_table
from streams.cli.replay import now_ms, progress_bar
from streams.cli.truth import Agreement, Shown, agreement, agreement_table
from streams.cli.up import describe
from streams.feed import explain, feed
from streams.kafka import CommittedOffsets, ensure_topics
from streams.learning.releases import Releases
from streams.replay.publish import publish_interactions, publish_supervised
from streams.replay.simulate import SimulateSource
from streams.settings import Settings

_SPAN_MS = 6 * 3_600_000
_WORKER_START_S = 60.0
_WORKER_STOP_S = 15.0
_SHOWN = 15
_WITHOUT_RANKER = "SELECT countIf(ranker_offset < 0) FROM fused_scores"


def demo(settings: Settings, *, events: int, videos: int, seed: int, page: bool) -> None:
    """Run the demo."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits it ignored
    started, source = time.monotonic(), SimulateSource(seed=seed, events=events, videos=videos, start_ms=now_ms() - _SPAN_MS)
    with system(settings) as (own, client):
        watch(own, source)
        console.print(agreement_table(learn(own, client, source)))
        _show(own, client)
        console.print(f"demo took {time.monotonic() - started:.1f} s")
        if page:
            _serve(own, client)
    console.print("everything it made is removed")


@contextmanager
def system(settings: Settings) -> Iterator[tuple[Settings, Client]]:
    """Run Kafka, ClickHouse and a worker in a folder that is removed in the end."""
    console.print("starting Apache Kafka and ClickHouse ...")
    with system_apart(settings) as own, clickhouse.connect(own.clickhouse) as client:
        describe(own)
        with _worker(own):
            yield own, client


@contextmanager
def _worker(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker process, and stop it in order."""
    env = environment_of(settings) | {"HIGHLIGHTS_WORKER__METRICS_PORT": "0"}
    process = subprocess.Popen([sys.executable, "-m", "streams.cli", "worker"], env=env, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_WORKER_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()


def watch(settings: Settings, source: SimulateSource) -> None:
    """Have simulated viewers watch the library, until all that they did is in ClickHouse."""
    known = publish_supervised(source.supervised_messages(), settings.kafka)
    console.print(f"supervised outputs of {known} videos are in Kafka")
    began = time.monotonic()
    interrupted = threading.Event()

    def advance(count: int) -> None:
        progress.advance(sending, count)
        if interrupted.is_set():
            raise InterruptedError

    with progress_bar() as progress, ThreadPoolExecutor(1) as sender, _set_on_error(interrupted):
        sending = progress.add_task("sent   ", total=source.expected_events)
        applying = progress.add_task("applied", total=source.expected_events)
        sent = sender.submit(publish_interactions, source, settings.kafka, sent=advance)
        for applied in _applied(settings):
            progress.update(applying, completed=applied)
            if sent.done():
                progress.update(sending, total=sent.result())
                progress.update(applying, total=sent.result())
                if applied >= sent.result():
                    break
    total, seconds = sent.result(), time.monotonic() - began
    console.print(f"{total:,} interactions sent, applied and published in {seconds:.1f} s ({total / seconds:,.0f} a second)")


def learn(settings: Settings, client: Client, source: SimulateSource) -> list[Agreement]:
    """Train a ranker on it; return how well the scores agree with the truth before and after."""
    before = Shown(client, source.library)
    _retrain(settings, client)
    return agreement(source.library, before, Shown(client, source.library))


def _show(settings: Settings, client: Client) -> None:
    rows = feed(client, top=_SHOWN)
    console.print(feed_table(rows, f"the best {len(rows)} of {_count(client):,} clips now, out of ClickHouse"))
    console.print(explanation_table(explain(client, rows[0].clip_id)))
    checked = audit(settings, client, ensure_topics(settings.kafka, settings.group))
    for table in audit_tables(checked):
        console.print(table)


def _serve(settings: Settings, client: Client) -> None:
    """Serve the page on a free port, until Ctrl-C."""
    from streams.serving.server import run_server

    with socket.create_server((settings.serving.host, 0)) as listener:
        port = listener.getsockname()[1]
    serving = settings.serving.model_copy(update={"port": port, "metrics_port": 0})
    console.print(f"the page: http://{settings.serving.host}:{port} (Ctrl-C ends the demo)")
    run_server(client, settings.model_copy(update={"serving": serving}))


def _retrain(settings: Settings, client: Client) -> None:
    """Train a ranker on what has been watched, in a process of its own, and wait until all scores are made with it."""
    subprocess.run([sys.executable, "-m", "streams.cli", "retrain"], env=environment_of(settings), check=False)
    release = Releases(settings.learning.folder(settings.data_dir)).current
    end = time.monotonic() + _WORKER_START_S
    while release and client.query(_WITHOUT_RANKER).result_rows[0][0]:
        if time.monotonic() > end:
            message = f"the worker has not taken {release} in {_WORKER_START_S:.0f} s; what it said is above"
            raise DeliveryError(message)
        time.sleep(0.2)


@contextmanager
def _set_on_error(event: threading.Event) -> Iterator[None]:
    """Set the event when the block ends with an error, Ctrl-C included."""
    try:
        yield
    except BaseException:
        event.set()
        raise


def _applied(settings: Settings) -> Iterator[int]:
    """Yield how many interactions are applied and in ClickHouse, until nothing has moved for long."""
    committed = CommittedOffsets(settings.kafka, settings.group, ensure_topics(settings.kafka, settings.group))
    last, moved = -1, time.monotonic()
    while time.monotonic() - moved < _WORKER_START_S:
        applied = committed.count()
        if applied != last:
            last, moved = applied, time.monotonic()
        yield applied
        time.sleep(0.1)
    message = f"the worker has stood at {last:,} interactions for {_WORKER_START_S:.0f} s; what it said is above"
    raise DeliveryError(message)


def _count(client: Client) -> int:
    return int(client.query("SELECT count() FROM fused_scores").result_rows[0][0])
