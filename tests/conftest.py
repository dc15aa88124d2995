"""What all tests share: the folder of real data."""

from pathlib import Path

import pytest

_DEFAULT_DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--data`, the folder of the public data sets."""
    parser.addoption("--data", type=Path, default=_DEFAULT_DATA, help="folder of the public data sets (default: %(default)s)")


@pytest.fixture(scope="session")
def data_dir(request: pytest.FixtureRequest) -> Path:
    """Return the folder of the public data sets; skip where it is absent."""
    folder: Path = request.config.getoption("--data")
    if not folder.is_dir():
        pytest.skip(f"no data at {folder}: give the folder with --data")
    return folder
