"""Log-mel spectra."""

import numpy as np
import pytest

from scoring.extraction.clip import SAMPLES_A_SECOND, Clip
from scoring.extraction.log_mel import LogMel, log_mel


@pytest.mark.parametrize(("hertz", "band"), [(150, 0), (440, 8), (1_000, 19), (4_000, 48), (7_400, 63)])
def test_a_tone_is_loudest_in_its_band(hertz: float, band: int) -> None:
    """Bands are 39.82 mel apart, from 185.2 mel (125 Hz): 1,000 Hz is 1,000.0 mel, and (1000.0 - 185.2) / 39.82 - 1 = 19.5."""
    sound = np.sin(2 * np.pi * hertz * np.arange(SAMPLES_A_SECOND) / SAMPLES_A_SECOND).astype(np.float32)
    assert log_mel(sound).mean(axis=0).argmax() == band


def test_silence_is_the_log_of_what_is_added() -> None:
    """log(0 + 0.01) in all 64 bands, 98 times in a second: 1 + (16,000 - 400) // 160."""
    spectra = log_mel(np.zeros(SAMPLES_A_SECOND, np.float32))
    assert spectra.shape == (98, 64)
    assert np.allclose(spectra, np.log(0.01))


@pytest.mark.parametrize("sound", [None, np.zeros(399, np.float32)])
def test_without_a_window_of_sound_there_are_no_features(sound: np.ndarray | None) -> None:
    """Missing is missing, not silence."""
    assert LogMel().features(Clip(None, sound, None)) is None
