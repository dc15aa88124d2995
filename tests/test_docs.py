"""The site can be built, the reference is what the code says, and every command that a page names is one."""

import logging
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from mkdocs.commands.build import build
from mkdocs.config import load_config

from docs.make_reference import FOLDER, PAGES
from schemas.clickhouse import MIGRATIONS_TABLE, migrations
from schemas.topics import topics
from streams.cli.main import app
from streams.cli.replay_request import Source
from streams.doctor.clickhouse import created_by
from streams.kafka import expected_topics
from streams.settings import KafkaSettings, Settings

_ROOT = Path(__file__).parents[1]
_WRITTEN = [path for path in [_ROOT / "README.md", *sorted((_ROOT / "docs").rglob("*.md"))] if path.parent != FOLDER]
_PLACEHOLDER = re.compile(r"\.\.\.|\bCOMMAND\b")


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_current(name: str) -> None:
    """A page is what its generator makes now; if it is not, `make docs` writes it."""
    assert (FOLDER / name).read_text() == PAGES[name]()


def test_the_reference_has_each_column() -> None:
    """Whatever a migration creates or adds is on the page of tables, be it one of several changes of one table."""
    page = PAGES["tables.md"]()
    statements = [statement for migration in migrations() for statement in migration.statements if " TABLE " in statement]
    assert len(statements) > 10
    assert [statement for statement in statements if statement not in page] == []


def test_the_reference_has_each_choice() -> None:
    """An option or a setting that takes one of a few values shows them, and no default is called a secret that is none."""
    assert all(f"`{source.value}`" in PAGES["commands.md"]() for source in Source)
    assert "`SCRAM-SHA-256`" in PAGES["settings.md"]()
    assert "| secret |" not in PAGES["settings.md"]()


_RIGHTS = {
    "CREATE TABLE IF NOT EXISTS": {"CREATE TABLE"},
    "CREATE OR REPLACE VIEW": {"CREATE VIEW", "DROP VIEW"},
    "CREATE MATERIALIZED VIEW IF NOT EXISTS": {"CREATE VIEW", "SELECT", "INSERT"},
    "ALTER TABLE": {"ALTER ADD COLUMN"},
}
"""What ClickHouse asks for each of our statements."""


def test_the_rights_are_those_that_migrations_need() -> None:
    """The grants in the security document are what ClickHouse asks for our statements, and no more."""
    text = (_ROOT / "docs" / "security.md").read_text()
    granted = {right for found in re.findall(r"GRANT (.*) ON highlights\.\* TO highlights;", text) for right in found.split(", ")}
    statements = [statement for migration in migrations() for statement in (MIGRATIONS_TABLE.strip(), *migration.statements)]
    heads = {re.findall(r"^(?:CREATE|ALTER)[A-Z ]*(?= \w)", statement, re.MULTILINE)[0] for statement in statements}
    assert granted == {"SELECT", "INSERT"}.union(*(_RIGHTS[head] for head in heads))
    assert all("ADD COLUMN" in statement for statement in statements if "ALTER TABLE" in statement)


def test_the_rights_name_each_topic() -> None:
    """The table and the commands of the security document name every topic that there is to be."""
    text = (_ROOT / "docs" / "security.md").read_text().split("### Rights in Kafka")[1].split("### Rights in ClickHouse")[0]
    named = text.split("for topic in ")[1].split(";")[0].split()
    assert set(named) == set(expected_topics(KafkaSettings(), Settings().group))
    assert all(f"`{name}`" in text for name in topics())


def test_doctor_s_page_counts_what_there_is() -> None:
    """The system that is well has the tables and the migrations that there are now."""
    created = {name for migration in migrations() for name in created_by(migration.statements)}
    found = f"{len(created)} tables and views, {len(migrations())} migrations"
    assert found in (_ROOT / "docs" / "doctor.md").read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str]]]:
    """The built site, and what MkDocs said against it."""
    folder, said = tmp_path_factory.mktemp("site"), list[str]()
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())
    logging.getLogger("mkdocs").addHandler(handler)
    build(load_config(str(_ROOT / "mkdocs.yml"), site_dir=str(folder)))
    yield folder, said
    logging.getLogger("mkdocs").removeHandler(handler)


def test_the_site_builds_without_a_warning(site: tuple[Path, list[str]]) -> None:
    """Every link and anchor leads somewhere, and every page of the navigation is there."""
    folder, said = site
    assert said == []
    assert (folder / "index.html").exists()


def test_every_page_is_in_the_navigation() -> None:
    """Nobody has to know of a page to find it."""
    navigation = (_ROOT / "mkdocs.yml").read_text()
    pages = [str(path.relative_to(_ROOT / "docs")) for path in (_ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if page not in navigation] == []


def test_the_site_fetches_nothing(site: tuple[Path, list[str]]) -> None:
    """A page loads no script, style or font from another host."""
    for path in site[0].rglob("*.html"):
        page = path.read_text()
        assert 'src="http' not in page, path
        assert 'rel="stylesheet" href="http' not in page, path


def test_formulas_are_readable(site: tuple[Path, list[str]]) -> None:
    """Each formula of the pages is MathML in the site, and none is left as it was typed."""
    pages = {path.name: path.read_text() for path in site[0].rglob("*.html")}
    assert pages["mathematics.html"].count("<mfrac>") > 10
    assert pages["scores.html"].count("<math") >= 8
    assert [name for name, page in pages.items() if "arithmatex" in page or "$$" in page] == []


def _commands() -> list[Any]:
    found = []
    for path in _WRITTEN:
        text = path.read_text()
        blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        typed = [line for block in blocks for line in block.splitlines() if line.startswith("highlights ")]
        mentioned = re.findall(r"(?<!`)`(highlights [a-z][^`\n]*)`(?!`)", text)
        for command in dict.fromkeys([*typed, *mentioned]):
            if not _PLACEHOLDER.search(command):
                words = shlex.split(re.split(r"[|>]", command)[0], comments=True)[1:]
                found.append(pytest.param(words, command in typed, id=f"{path.name}: {command}"))
    return found


@pytest.mark.parametrize(("words", "is_whole"), _commands())
def test_every_command_is_one(words: list[str], is_whole: bool) -> None:
    """What a page tells people to type is a command with options and arguments that it has; a mention may leave some out."""
    command, above = typer.main.get_command(app), None
    while words and hasattr(command, "commands") and "--help" not in words:
        above = command.make_context("", [], parent=above, resilient_parsing=True)
        assert words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
    if hasattr(command, "commands"):
        return
    try:
        command.make_context("", words, parent=above)
    except Exception as error:  # Typer has a Click of its own, whose errors have no public name
        if is_whole or type(error).__name__ != "MissingParameter":
            raise
