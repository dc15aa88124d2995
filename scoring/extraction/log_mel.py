"""Log-mel spectra: how loud each of 64 bands of hearing is, a hundred times a second.

The bands are those that VGGish was trained on (Hershey and others 2017, "CNN architectures for large-scale audio
classification"): windows of 25 ms (periodic Hann) every 10 ms, magnitudes, triangles between 125 and 7,500 Hz that are evenly
wide in mel = 1127 log(1 + f / 700), and log(magnitude + 0.01).
"""

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from scoring.extraction.clip import SAMPLES_A_SECOND, Clip

BANDS: Final = 64
_WINDOW, _HOP, _TRANSFORM = 400, 160, 512
_LOWEST_HZ, _HIGHEST_HZ = 125.0, 7_500.0
_QUIET: Final = 0.01

_HANN: Final = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)).astype(np.float32)


def _mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(hertz / 700.0)


def _triangles() -> NDArray[np.float32]:
    """Return how much each bin of the transform counts in each band, [bins, BANDS]."""
    lowest, highest = _mel(np.array([_LOWEST_HZ, _HIGHEST_HZ])).tolist()
    edges = np.linspace(lowest, highest, BANDS + 2)
    bins = _mel(np.linspace(0, SAMPLES_A_SECOND / 2, _TRANSFORM // 2 + 1))[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return triangles.astype(np.float32)


_TRIANGLES: Final = _triangles()


def log_mel(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the log-mel spectra of n samples, [1 + (n - 400) // 160, 64]; of fewer than 400, none."""
    if len(sound) < _WINDOW:
        return np.empty((0, BANDS), np.float32)
    windows = sliding_window_view(sound, _WINDOW)[::_HOP] * _HANN
    spectra: NDArray[np.float32] = np.log(np.abs(np.fft.rfft(windows, _TRANSFORM)).astype(np.float32) @ _TRIANGLES + _QUIET)
    return spectra


class LogMel:
    """Mean and standard deviation of each band over the clip. Needs no weights."""

    name = "log_mel"
    dimensions = 2 * BANDS

    def features(self, clip: Clip) -> NDArray[np.float32] | None:
        """Return the 64 means, then the 64 standard deviations."""
        spectra = log_mel(clip.sound) if clip.sound is not None else ()
        return np.concatenate([np.mean(spectra, axis=0), np.std(spectra, axis=0)]) if len(spectra) else None
