"""What all tests share: the folder of real data, how hypothesis draws examples, and that no test knows anybody's system."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from platformdirs import user_cache_path

# The same examples in every run, and no deadline: the first example of a run compiles.
settings.register_profile("same", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")

# Whoever types `make test` may have exported the addresses of a real system: no test, nor what it starts, is to know them.
for _name in [name for name in os.environ if name.startswith("HIGHLIGHTS_")]:
    del os.environ[_name]

_DEFAULT_DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--data`, the folder of the public data sets, and the size and the seed of the chaos campaign."""
    parser.addoption("--data", type=Path, default=_DEFAULT_DATA, help="folder of the public data sets (default: %(default)s)")
    parser.addoption("--chaos-seed", type=int, default=1, help="draws the faults (default: %(default)s)")
    parser.addoption("--chaos-faults", type=int, default=200, help="at least so many faults (default: %(default)s)")
    parser.addoption("--chaos-report", type=Path, help="folder for the table of faults, chaos.json and chaos.md")


@pytest.fixture(scope="session")
def data_dir(request: pytest.FixtureRequest) -> Path:
    """Return the folder of the public data sets; skip where it is absent."""
    folder: Path = request.config.getoption("--data")
    if not folder.is_dir():
        pytest.skip(f"no data at {folder}: give the folder with --data")
    return folder


@pytest.fixture(scope="session")
def cache_dir() -> Path:
    """Return the folder where Kafka's jars are kept between runs."""
    return user_cache_path("highlights")


@pytest.fixture
def early_in_a_minute() -> None:
    """Wait out a minute of the clock that is nearly over: requests are counted by it, and the last one's weigh less already."""
    left_s = 60 - time.time() % 60
    if left_s < 10:
        time.sleep(left_s)
