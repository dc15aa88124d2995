"""Commands and queries of the documentation work as they are written."""

import re
import shlex
import signal
from pathlib import Path

from infra.embedded.stack import running_endpoints
from streams import clickhouse
from streams.cli.environment import with_endpoints
from streams.settings import Settings
from tests.integration.running import eventually
from tests.integration.test_cli import Terminal

_DOCS = Path(__file__).parents[2] / "docs"
_PAGES = ("index.md", "how-to/feed.md", "how-to/learning.md", "how-to/analysis.md")


def _blocks(language: str) -> list[str]:
    return [block for page in _PAGES for block in re.findall(rf"```{language}\n(.*?)```", (_DOCS / page).read_text(), re.DOTALL)]


def _commands() -> list[list[str]]:
    lines = [line for block in _blocks("sh") for line in block.splitlines() if line.startswith("highlights ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def test_commands_and_queries_work_in_their_order(tmp_path: Path) -> None:
    """Each command ends well, and each query has rows."""
    terminal = Terminal(tmp_path)
    up = terminal.start("up", "--kafka-port", "0", "--clickhouse-port", "0")
    eventually(lambda: "other terminals" in terminal.said("up"), "highlights up")
    worker = terminal.start("worker")
    for command in [command for command in _commands() if command not in (["up"], ["worker"])]:
        eventually(lambda command=command: terminal.run(*command).returncode == 0, f"{command}; {terminal.said('worker')}")
    endpoints = running_endpoints(tmp_path / "data")
    assert endpoints
    client = clickhouse.connect(with_endpoints(Settings(), endpoints).clickhouse)
    for query in _blocks("sql"):
        assert client.query(query).result_rows, query
    for process in (worker, up):
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
