"""What people read in a terminal is what was said."""

import pytest

from schemas.errors import ConfigurationError
from streams.cli import main, output


@pytest.mark.parametrize("text", ["pip install 'highlights[training]'", "no such file: [HD] a.mp4", "[/red] v1:goal:2"])
def test_brackets_and_colons_of_an_error_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """None is taken for markup or an emoji, and there is no traceback."""

    def fail() -> None:
        raise ConfigurationError(text)

    monkeypatch.setattr(main, "app", fail)
    with pytest.raises(SystemExit, match="1"):
        main.main()
    assert capsys.readouterr().err == f"error: {text}\n"


def test_steps_are_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A log of long work says what it was at; standard output is the result's alone."""
    with output.steps("reading") as told:
        told("learning [scene]: seed 2")
    assert capsys.readouterr() == ("", "reading\nlearning [scene]: seed 2\n")


def test_what_a_terminal_would_obey_is_shown() -> None:
    """A sender of broken messages does not get at the terminal of whoever looks at them."""
    assert output.printable("\x1b]0;x\x07 a\tb\nä\x00") == "\\x1b]0;x\\x07 a\tb\nä\\x00"
