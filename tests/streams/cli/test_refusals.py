"""What commands refuse before they ask any server: options that would not be looked at, and names that mean nobody."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from infra.embedded.process import EmbeddedServerError
from infra.embedded.stack import running_endpoints
from schemas.errors import ConfigurationError, ContractError
from schemas.exclusions import ExclusionKind
from streams.cli.main import app
from streams.cli.replay import replay
from streams.cli.replay_request import Request, Source
from streams.exclusions import hashed
from streams.settings import ClickHouseSettings, Settings

_NOTHING = Request(Source.SIMULATE, None, None, None, 1, 0, 1, None)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (_NOTHING._replace(file=Path("mine.jsonl")), "simulate reads no FILE: .* --source jsonl"),
        (_NOTHING._replace(source=Source.TVSUM, file=Path("mine.jsonl")), "tvsum reads no FILE"),
        (_NOTHING._replace(data=Path("data")), "simulate reads no --data: --source tvsum does"),
        (_NOTHING._replace(source=Source.JSONL, file=Path("/nowhere")), "/nowhere cannot be read"),
        (_NOTHING._replace(source=Source.JSONL, file=Path("/")), "/ cannot be read .Is a directory"),
    ],
)
def test_replay_refuses_what_its_source_does_not_read(request_: Request, text: str) -> None:
    """Simulated events in place of somebody's own would be in their scores for good."""
    with pytest.raises(ConfigurationError, match=text):
        replay(Settings(), request_)


def test_a_rebuild_s_bound_without_a_rebuild_is_refused() -> None:
    """`worker --since` alone would be a worker that leaves nothing out."""
    result = CliRunner().invoke(app, ["worker", "--since", "2026-11-01"])
    assert (result.exit_code, "--rebuild" in result.output) == (2, True)


@pytest.mark.parametrize("name", ["", "jörg", "two words", 'a"b', "a\\b", "x" * 129, "\udcff"])
def test_nobody_has_a_name_that_no_interaction_can_have(name: str) -> None:
    """To exclude it would do nothing; where an adapter makes another of it, the error shows that."""
    with pytest.raises(ContractError, match=r"viewer .*1 to 128 of ASCII"):
        hashed(Settings(), ExclusionKind.VIEWER, name)
    if name == "jörg":
        with pytest.raises(ContractError, match="j%C3%B6rg"):
            hashed(Settings(), ExclusionKind.VIEWER, name)


@pytest.mark.parametrize("field", [{"url": "http://localhost:81234"}, {"url": "http://localhost:abc"}, {"timeout_s": 0.5}])
def test_an_address_or_a_wait_that_cannot_be_is_a_wrong_setting(field: dict[str, object]) -> None:
    """Not an error of whoever uses it."""
    with pytest.raises(ValidationError):
        ClickHouseSettings.model_validate(field)


def test_a_data_folder_that_is_none_is_named(tmp_path: Path) -> None:
    """The error says which path, and what to set."""
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(EmbeddedServerError, match=f"{path}.*HIGHLIGHTS_DATA_DIR"):
        running_endpoints(path)
