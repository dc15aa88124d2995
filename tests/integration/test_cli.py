"""The commands as a person runs them, in terminals of their own."""

import json
import re
import signal
import subprocess

import psutil
import pytest

from tests.integration.running import eventually
from tests.integration.terminal import Terminal

_EVENT = (
    '{"schema_version":1,"kind":"%s","video_id":"film","session_id":"s%d","occurred_at_ms":1790000000000,"from_s":0,"to_s":%d}\n'
)


@pytest.fixture
def up(terminal: Terminal) -> subprocess.Popen[bytes]:
    """`highlights up`, ready."""
    return terminal.start_up()


def test_up_worker_replay_feed_explain_audit(terminal: Terminal, up: subprocess.Popen[bytes]) -> None:
    """Other terminals find `up` by themselves; events from standard input become a feed; Ctrl-C ends everything."""
    worker = terminal.start("worker")
    lines = "".join(_EVENT % ("play", session, 25) for session in range(9)) + _EVENT % ("share", 3, 8) + "no event\n"
    sent = terminal.run("replay", "--source", "jsonl", "-", "--json", text=lines)
    assert json.loads(sent.stdout)["interactions"] == 11, sent.stderr
    clips: list[dict[str, object]] = []

    def scored() -> bool:
        clips[:] = json.loads(terminal.run("feed", "--video", "film", "--json").stdout or "[]")
        return bool(clips)

    eventually(scored, lambda: f"a feed; the worker said {terminal.said('worker')}")
    assert {clip["clip_id"]: (clip["exposures"], clip["shares"]) for clip in clips} == {"film:0": (9, 1), "film:1": (9, 0)}
    explanation = json.loads(terminal.run("explain", "film:0", "--json").stdout)
    assert explanation["counts"] == {"exposures": 9, "shares": 1, "rewinds": 0, "fast_forwards": 0}
    rate = explanation["rates"]["share"]
    assert 0 <= rate["low"] <= rate["mean"] <= rate["high"] <= 1
    assert "film:0" in terminal.run("explain", "film:0").stdout
    letters = json.loads(terminal.run("dead-letters", "list", "--json").stdout)
    assert [(letter["reason"], letter["value"]) for letter in letters] == [("invalid_json", "no event")]
    assert "no event" in terminal.run("dead-letters", "show", letters[0]["place"]).stdout
    assert json.loads(terminal.run("dead-letters", "replay", "--json").stdout) == {"replayed": 1, "left": {}}
    eventually(lambda: len(json.loads(terminal.run("dead-letters", "list", "--json").stdout)) == 2, "the letter comes back")
    assert json.loads(terminal.run("dead-letters", "replay", "--json").stdout) == {"replayed": 1, "left": {}}
    assert json.loads(terminal.run("dead-letters", "list", "--reason", "too_late", "--json").stdout) == []
    eventually(lambda: len(json.loads(terminal.run("dead-letters", "list", "--json").stdout)) == 3, "it comes back again")
    audited = terminal.run("audit", "--json")
    assert audited.returncode == 0, audited.stdout
    assert sum(part["consumed"] for part in json.loads(audited.stdout)["partitions"]) == 13
    worker.send_signal(signal.SIGINT)
    assert worker.wait(30) == 0
    children = psutil.Process(up.pid).children()
    up.send_signal(signal.SIGINT)
    assert up.wait(60) == 0
    assert len(children) == 2
    assert not [child for child in children if child.is_running()]


def test_a_clip_that_nobody_knows_is_a_clear_error(terminal: Terminal, up: subprocess.Popen[bytes]) -> None:
    """`explain` of an unknown clip says so in one line and exits with 1."""
    assert up.poll() is None
    found = terminal.run("explain", "nobody:7")
    assert found.returncode == 1
    assert "nobody:7" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("arguments", [("worker",), ("feed",), ("replay",), ("explain", "v:1"), ("audit",)])
def test_without_servers_the_error_names_the_way_out(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    """With nothing running and nothing set, each command says what to start or to set."""
    found = terminal.run(*arguments)
    assert found.returncode == 1
    assert "highlights up" in found.stderr
    assert re.search(r"HIGHLIGHTS_(KAFKA|CLICKHOUSE)__", found.stderr)


def test_a_wrong_setting_is_named_with_its_value(terminal: Terminal) -> None:
    """A setting that cannot be is an error that names variable and value."""
    terminal.env["HIGHLIGHTS_STATISTICS__HALF_LIFE_HOURS"] = "soon"
    found = terminal.run("feed")
    assert found.returncode == 1
    assert "HIGHLIGHTS_STATISTICS__HALF_LIFE_HOURS = 'soon'" in found.stderr


def test_the_demo_ends_with_a_feed_and_a_clean_audit_and_leaves_nothing(terminal: Terminal) -> None:
    """A small demo runs through, shows the feed, and its audit finds no difference."""
    shown = terminal.run("demo", "--events", "20000", "--videos", "20")
    assert shown.returncode == 0, shown.stderr
    assert "agreement of the scores with the simulator's truth" in shown.stdout
    assert "out of ClickHouse" in shown.stdout
    assert "audit: 0 differences" in shown.stdout


def test_ctrl_c_ends_the_demo_and_leaves_nothing(terminal: Terminal) -> None:
    """Ctrl-C in the middle stops all processes and removes the folder."""
    terminal.env["TMPDIR"] = str(terminal.folder)
    demo = terminal.start("demo", "--events", "3000000")
    eventually(lambda: "supervised outputs" in terminal.said("demo"), lambda: f"the middle of the demo; {terminal.said('demo')}")
    children = psutil.Process(demo.pid).children(recursive=True)
    demo.send_signal(signal.SIGINT)
    assert demo.wait(90) == 130, terminal.said("demo")
    assert len(children) >= 3
    eventually(lambda: not any(child.is_running() for child in children), "the end of all processes")
    assert not list(terminal.folder.glob("highlights-apart-*"))


def test_help_names_every_command(terminal: Terminal) -> None:
    """`--help` lists the commands with a line each."""
    said = terminal.run("--help").stdout
    for name in ("up", "worker", "replay", "feed", "explain", "audit", "dead-letters", "demo", "retrain", "releases", "export"):
        assert re.search(rf"\b{name}\b", said)
