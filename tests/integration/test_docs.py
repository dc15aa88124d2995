"""Commands and queries of the documentation work as they are written."""

import re
import shlex
import signal
from pathlib import Path

import httpx

from infra.embedded.stack import running_endpoints
from streams import clickhouse
from streams.cli.environment import with_endpoints
from streams.settings import Settings
from tests.integration.running import eventually
from tests.integration.terminal import Terminal
from tests.integration.test_readme import STAY, readme_commands

_DOCS = Path(__file__).parents[2] / "docs"
_PAGES = ("index.md", "how-to/feed.md", "how-to/learning.md", "how-to/analysis.md", "how-to/running.md")
_FEED = "127.0.0.1:8600"


def _blocks(language: str) -> list[str]:
    found = [block for page in _PAGES for block in re.findall(rf"```{language}\n(.*?)```", (_DOCS / page).read_text(), re.DOTALL)]
    assert found, f"no page has {language}"
    return found


def _typed(program: str) -> list[list[str]]:
    """Return what the pages tell people to type, each once, without what the README's own test runs."""
    lines = [line for block in _blocks("sh") for line in block.splitlines() if line.startswith(f"{program} ")]
    found = [shlex.split(line, comments=True)[1:] for line in lines]
    assert found, f"no page tells people to type {program}"
    return [command for place, command in enumerate(found) if command not in found[:place]]


def test_commands_and_queries_work_in_their_order(terminal: Terminal) -> None:
    """Each command ends well, each query has rows, and each request is answered."""
    staying = [terminal.start_up(), terminal.start("worker")]
    elsewhere = readme_commands()
    needed = ["replay", "explain"]
    for command in _typed("highlights"):
        if command[0] not in STAY and (command[0] in needed or command not in elsewhere):
            terminal.run_well(*command)
    staying.append(terminal.start("serve"))
    address = f"127.0.0.1:{terminal.env['HIGHLIGHTS_SERVING__PORT']}"
    eventually(lambda: _is_ready(address), lambda: f"highlights serve; {terminal.said('serve')}")
    for request in _typed("curl"):
        (url,) = [word for word in request if word.startswith("http")]
        assert httpx.get(url.replace(_FEED, address)).status_code == 200, url
    endpoints = running_endpoints(terminal.folder / "data")
    assert endpoints
    client = clickhouse.connect(with_endpoints(Settings(), endpoints).clickhouse)
    for query in _blocks("sql"):
        assert client.query(query).result_rows, query
    for process in reversed(staying):
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/health/ready").status_code == 200
    except httpx.HTTPError:
        return False
