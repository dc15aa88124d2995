"""Small videos, made as tests need them: a square that wanders, a tone, and subtitles."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WORDS = """1
00:00:01,000 --> 00:00:04,000
<i>What</i> a goal!

2
00:00:09,500 --> 00:00:12,000
Schön

"""
"""SubRip; the second line is shown in the first clip and in the second, none in the third."""


def make_video(
    path: Path,
    seconds: float = 25,
    *,
    hertz: float | None = 440,
    pictures: bool = True,
    sound_s: float | None = None,
    pause_s: float = 0.0,
) -> Path:
    """Write a video of 160 x 120 at 20 pictures a second; a tone, if `hertz` says which, with a pause in its middle."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("mpeg4", rate=20, width=160, height=120, pix_fmt="yuv420p") if pictures else None
        audio = file.add_stream("aac", rate=44_100, layout="mono") if hertz else None
        if video:
            for number in range(round(seconds * 20)):
                frame = av.VideoFrame.from_ndarray(_picture(number / 20), "rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 20)
                file.mux(video.encode(frame))
            file.mux(video.encode())
        if audio and hertz:
            for start, samples in _tone(hertz, sound_s or seconds, pause_s):
                sound = av.AudioFrame.from_ndarray(samples[None], "fltp", "mono")
                sound.sample_rate, sound.pts, sound.time_base = 44_100, start, Fraction(1, 44_100)
                file.mux(audio.encode(sound))
            file.mux(audio.encode())
    return path


def _picture(second: float) -> np.ndarray:
    """Return a dark picture with a bright square, which is further right each second of a clip."""
    picture = np.zeros((120, 160, 3), np.uint8)
    left = 30 + round(second % 10 * 8)
    picture[40:80, left : left + 20] = 255
    return picture


def _tone(hertz: float, seconds: float, pause_s: float) -> list[tuple[int, np.ndarray]]:
    """Return samples, and where they begin."""
    tone = 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * 44_100)) / 44_100).astype(np.float32)
    later = [0 if start < len(tone) / 2 else round(pause_s * 44_100) for start in range(0, len(tone), 1024)]
    return [(start + pause, tone[start : start + 1024]) for start, pause in zip(range(0, len(tone), 1024), later, strict=True)]
