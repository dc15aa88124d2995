"""What the README tells people to type works as it is written."""

import re
import shlex
import signal
from pathlib import Path

import pytest

from tests.integration.terminal import Terminal

_README = Path(__file__).parents[2] / "README.md"
STAY = ("up", "worker", "serve")


def readme_commands() -> list[list[str]]:
    """Return the `highlights` commands of the sections to be typed, but the rebuild, which wants no worker (test_recovery.py)."""
    text, found = _README.read_text(), []
    for title in ("## Work with it", "## Bots, erasure, rebuilds"):
        block = re.search(r"```sh\n(.*?)```", text.split(title)[1].split("\n## ")[0], re.DOTALL)
        assert block
        typed = [shlex.split(line, comments=True)[1:] for line in block.group(1).splitlines() if line.startswith("highlights ")]
        assert typed, title
        found += typed
    return [command for command in found if "--rebuild" not in command]


def test_the_commands_of_the_readme_work_in_their_order(terminal: Terminal) -> None:
    """Each command ends well: those that stay, when they are asked to stop; the others by themselves."""
    staying = []
    for command in readme_commands():
        if command[0] in STAY:
            staying.append(terminal.start_up() if command == ["up"] else terminal.start(*command))
        else:
            terminal.run_well(*command)
    for process in reversed(staying):
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_two_commands_exist(target: str) -> None:
    """`make demo` and `make test` are targets of the Makefile."""
    makefile = (_README.parent / "Makefile").read_text()
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert f"make {target}" in _README.read_text()
