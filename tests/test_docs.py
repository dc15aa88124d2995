"""The site can be built, and the reference is what the code says."""

import logging
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from docs.make_reference import FOLDER, PAGES

_ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_current(name: str) -> None:
    """A page is what its generator makes now; if it is not, `make docs` writes it."""
    assert (FOLDER / name).read_text() == PAGES[name]()


def test_the_site_builds_without_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Every link and anchor leads somewhere, and every page of the navigation is there."""
    with caplog.at_level(logging.WARNING, "mkdocs"):
        build(load_config(str(_ROOT / "mkdocs.yml"), site_dir=str(tmp_path)))
    assert [record.getMessage() for record in caplog.records if record.name.startswith("mkdocs")] == []
    assert (tmp_path / "index.html").exists()


def test_the_site_fetches_nothing(tmp_path: Path) -> None:
    """A page loads no script, style or font from another host."""
    build(load_config(str(_ROOT / "mkdocs.yml"), site_dir=str(tmp_path)))
    page = (tmp_path / "index.html").read_text()
    assert 'src="http' not in page
    assert 'rel="stylesheet" href="http' not in page
