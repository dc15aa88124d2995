"""What the README tells people to type works as it is written."""

import re
import shlex
import signal
from pathlib import Path

import pytest

from tests.integration.running import eventually
from tests.integration.test_cli import Terminal

_README = Path(__file__).parents[2] / "README.md"
_STAY = ("up", "worker")


def _commands() -> list[list[str]]:
    """Return the `highlights` commands of section "Work with it"."""
    section = _README.read_text().split("## Work with it")[1].split("\n## ")[0]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block
    return [shlex.split(line, comments=True)[1:] for line in block.group(1).splitlines() if line.startswith("highlights ")]


def test_the_commands_of_the_readme_work_in_their_order(tmp_path: Path) -> None:
    """Each command ends well: those that stay, when they are asked to stop; the others by themselves."""
    terminal = Terminal(tmp_path)
    staying = []
    for command in _commands():
        if command[0] in _STAY:
            ports = ["--kafka-port", "0", "--clickhouse-port", "0"] if command == ["up"] else []
            staying.append(terminal.start(*command, *ports))
            if command == ["up"]:
                eventually(lambda: "other terminals" in terminal.said("up"), "highlights up")
        elif command[0] == "explain":
            eventually(lambda command=command: terminal.run(*command).returncode == 0, f"{command}; {terminal.said('worker')}")
        else:
            done = terminal.run(*command)
            assert done.returncode == 0, (command, done.stdout, done.stderr)
    for process in reversed(staying):
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_two_commands_exist(target: str) -> None:
    """`make demo` and `make test` are targets of the Makefile."""
    makefile = (_README.parent / "Makefile").read_text()
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert f"make {target}" in _README.read_text()
