"""The networks with weights that are drawn: shapes, and what they do without input."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `training` is not installed")

import torch

from scoring.extraction.clip import Clip, Extractor
from scoring.extraction.residual_3d import Residual3D, Residual3DNetwork, prepared
from scoring.extraction.vggish import Vggish, VggishNetwork

_NOTHING = Clip(None, None, None)


@pytest.fixture(scope="module")
def visual() -> Extractor:
    """The 3D network."""
    torch.manual_seed(0)
    return Residual3D(Residual3DNetwork().state_dict() | {"fc.weight": torch.zeros(400, 512), "fc.bias": torch.zeros(400)})


@pytest.fixture(scope="module")
def audio() -> Extractor:
    """VGGish."""
    torch.manual_seed(0)
    return Vggish(VggishNetwork().state_dict())


def test_pictures_become_512_numbers(visual: Extractor) -> None:
    """Also of a clip that has fewer pictures than the network looks at."""
    pictures = np.random.default_rng(0).integers(0, 256, (1, 112, 112, 3), dtype=np.uint8)
    found = visual.features(Clip(pictures, None, None))
    assert found is not None
    assert found.shape == (visual.dimensions,) == (512,)
    assert np.isfinite(found).all()


def test_the_network_looks_at_three_snippets_that_are_spread_over_the_clip() -> None:
    """Of 150 pictures, 16 in the middle of each third, standardised as in training: (1 - .43216) / .22803 is white in red."""
    pictures = np.zeros((150, 112, 112, 3), np.uint8)
    pictures[67:83] = 255
    looks = prepared(pictures)
    assert looks.shape == (3, 3, 16, 112, 112)
    assert np.allclose(looks[1, 0], (1 - 0.43216) / 0.22803)
    assert (looks[[0, 2]] < 0).all()


def test_sound_becomes_128_numbers(audio: Extractor) -> None:
    """A look of 0.96 s in a second."""
    found = audio.features(Clip(None, np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32), None))
    assert found is not None
    assert found.shape == (audio.dimensions,) == (128,)
    assert np.isfinite(found).all()


def test_what_is_missing_has_no_features(visual: Extractor, audio: Extractor) -> None:
    """Nor has less sound than the network hears at once."""
    assert visual.features(_NOTHING) is audio.features(_NOTHING) is None
    assert audio.features(Clip(None, np.zeros(15_000, np.float32), None)) is None


def test_the_published_names_and_shapes_are_expected() -> None:
    """As the files r3d_18-b3b3357e.pth and vggish-10086976.pth have them."""
    with torch.device("meta"):
        visual, audio = Residual3DNetwork().state_dict(), VggishNetwork().state_dict()
    assert len(visual) == 120
    assert visual["stem.0.weight"].shape == (64, 3, 3, 7, 7)
    assert visual["layer2.0.downsample.0.weight"].shape == (128, 64, 1, 1, 1)
    assert visual["layer4.1.conv2.0.weight"].shape == (512, 512, 3, 3, 3)
    assert [name for name in audio if name.endswith("weight")] == [
        *(f"features.{layer}.weight" for layer in (0, 3, 6, 8, 11, 13)),
        *(f"embeddings.{layer}.weight" for layer in (0, 2, 4)),
    ]
    assert audio["embeddings.0.weight"].shape == (4096, 12288)


def test_weights_of_another_network_are_refused() -> None:
    """Rather than half of them taken."""
    with pytest.raises(RuntimeError, match="Missing key"):
        Residual3D({"fc.weight": torch.zeros(400, 512)})
