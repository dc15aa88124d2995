"""What `highlights doctor` says of releases."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("safetensors", reason="the extra `training` is not installed")

from streams.doctor.finding import Health
from streams.doctor.releases import check_releases
from streams.learning.fusion_releases import FusionReleases
from streams.learning.ranker_topic import SCORE_COLUMNS
from streams.learning.releases import Releases
from streams.settings import Settings
from tests.streams.learning.manifests import manifest


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a folder with one ranker release, which holds."""
    releases = Releases(tmp_path / "releases")
    scores = pa.table([["a"], [0], [5.0], [1.0]], schema=SCORE_COLUMNS)
    releases.write(manifest("r1"), {"weights": np.zeros(1, np.float32)}, scores)
    releases.set_current("r1")
    return Settings(data_dir=tmp_path)


def _ranker(settings: Settings) -> tuple[Health, str]:
    finding = next(found for found in check_releases(settings) if found.what == "ranker")
    return finding.health, finding.found


def test_a_whole_release_is_good(settings: Settings) -> None:
    """It is named; of the model that is not there, the command that makes one."""
    assert _ranker(settings) == (Health.GOOD, "r1 holds and is whole")
    assert all(found.health is Health.GOOD for found in check_releases(settings))
    assert any("highlights train-supervised FILE" in found.found for found in check_releases(settings))


def test_a_damaged_release_is_bad(settings: Settings) -> None:
    """Whichever file it is, it is named."""
    path = settings.data_dir / "releases" / "r1" / "scores.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    health, found = _ranker(settings)
    assert health is Health.BAD
    assert "scores.parquet is damaged" in found


def test_a_release_that_is_gone_is_bad(settings: Settings) -> None:
    """A note that names a release which is no longer there."""
    Releases(settings.data_dir / "releases").set_current("r2")
    health, found = _ranker(settings)
    assert health is Health.BAD
    assert "no release 'r2'" in found


def test_a_release_that_holds_in_a_part_of_the_partitions_is_bad(settings: Settings) -> None:
    """What a command's death cut short is named, with the command that ends it."""
    with suppress(KeyboardInterrupt), Releases(settings.data_dir / "releases").holding("r2"):
        raise KeyboardInterrupt
    finding = next(found for found in check_releases(settings) if found.what == "ranker")
    assert (finding.health, finding.mend) == (Health.BAD, "highlights releases promote r2")


def test_a_fusion_that_is_gone_is_bad_and_the_built_in_one_good(settings: Settings) -> None:
    """The fusion that comes with the workers needs no release."""
    fusions = FusionReleases(settings)
    fusions.folder.mkdir()
    fusions.set_current("f9")
    bad = next(found for found in check_releases(settings) if found.what == "fusion")
    fusions.set_current("built-in")
    good = next(found for found in check_releases(settings) if found.what == "fusion")
    assert (bad.health, good.health) == (Health.BAD, Health.GOOD)
    assert "no release 'f9'" in bad.found
