"""A video's pictures and sound, decoded as they are asked for: never more than a clip of it is in memory.

Positions begin where the container says that it begins. Pictures are put on a grid of 15 a second: each holds until the next.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream
from numpy.typing import NDArray

from schemas.errors import ConfigurationError
from schemas.limits import CLIP_SECONDS, MAX_POSITION_S
from scoring.extraction.clip import PICTURES_A_SECOND, SAMPLES_A_SECOND
from scoring.extraction.residual_3d import HEIGHT, WIDTH

Pictures = NDArray[np.uint8]
Sound = NDArray[np.float32]

_SCALED_HEIGHT, _SCALED_WIDTH = 128, 171
"""Before the middle is cut out, as torchvision prepares pictures for these networks."""
_MICROSECONDS: Final = 1_000_000
_GAP_S: Final = 0.1
"""Sound that begins so much later than the sound before it has ended is preceded by silence."""
_MAY_BE_SHORT_S: Final = CLIP_SECONDS
"""A file that ends earlier than it says by more was cut off."""


class Video:
    """A file with pictures, sound, or both."""

    def __init__(self, path: Path) -> None:
        """Look at what there is.

        Raises:
            ConfigurationError: the file cannot be read, or has neither pictures nor sound.
        """
        self.path = path
        with opened(path) as container:
            self.has_pictures = _video_stream(container) is not None
            self.has_sound = bool(container.streams.audio)
            self.duration_s = (container.duration or 0) / _MICROSECONDS
        if not self.has_pictures and not self.has_sound:
            message = f"{path} has neither pictures nor sound"
            raise ConfigurationError(message)

    def pictures(self) -> Iterator[Pictures]:
        """Yield the pictures of each clip, [p, 112, 112, 3] from 1 to 150 of them.

        Raises:
            ConfigurationError: the file is damaged, or is longer than a day.
        """
        with opened(self.path) as container:
            yield from (np.stack(part) for part in _parts(_on_grid(container), CLIP_SECONDS * PICTURES_A_SECOND))

    def sound(self) -> Iterator[Sound]:
        """Yield the sound of each clip, one channel, from 1 to 160,000 samples.

        Raises:
            ConfigurationError: the file is damaged, or is longer than a day.
        """
        with opened(self.path) as container:
            size, left = CLIP_SECONDS * SAMPLES_A_SECOND, np.empty(0, np.float32)
            for samples in _samples(container):
                left = np.concatenate([left, samples])
                while len(left) >= size:
                    yield left[:size]
                    left = left[size:]
            if len(left):
                yield left

    def check_end(self, seconds: float) -> None:
        """Check that a file of which so much was decoded was not cut off.

        Raises:
            ConfigurationError: it was.
        """
        if seconds < self.duration_s - _MAY_BE_SHORT_S:
            message = f"{self.path} ends after {seconds:.0f} of {self.duration_s:.0f} s: it was cut off; copy it again"
            raise ConfigurationError(message)


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Open a media file; what goes wrong with it until the end is an error that names it.

    A file may name others, as play lists do: only those on this machine are opened.

    Raises:
        ConfigurationError: it cannot be read.
    """
    if not path.is_file():
        message = f"there is no file {path}"
        raise ConfigurationError(message)
    try:
        with av.open(str(path), options={"protocol_whitelist": "file"}) as container:
            yield container
    except (av.FFmpegError, ValueError) as error:
        message = f"{path} cannot be decoded: {getattr(error, 'strerror', None) or error}"
        raise ConfigurationError(message) from error


def _video_stream(container: InputContainer) -> VideoStream | None:
    """Return the first stream of pictures, leaving out a record's cover."""
    return next((stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic), None)


def _begins_s(container: InputContainer) -> float:
    return (container.start_time or 0) / _MICROSECONDS


def _parts(pictures: Iterable[Pictures], size: int) -> Iterator[list[Pictures]]:
    part: list[Pictures] = []
    for picture in pictures:
        part.append(picture)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def _on_grid(container: InputContainer) -> Iterator[Pictures]:
    """Yield a picture for each place of the grid; the first is shown from the beginning."""
    stream, begins = _video_stream(container), _begins_s(container)
    if stream is None:
        return
    stream.thread_type = "AUTO"
    place, held = 0, None
    for frame in container.decode(stream):
        until = _place(frame.time - begins) if frame.time is not None else place
        if held is not None:
            yield from _shown(held, until - place)
            place = max(place, until)
        held = frame
    if held is not None:
        lasts = float(held.duration * held.time_base) if held.duration and held.time_base else 0.0
        ends = max(1, _place((held.time or 0.0) - begins + lasts))
        yield from _shown(held, ends - place)


def _place(position_s: float) -> int:
    """Return the first place of the grid that is not before a position.

    Raises:
        ValueError: it is beyond a day.
    """
    if position_s > MAX_POSITION_S:
        message = f"it is longer than {MAX_POSITION_S:.0f} s, or its times are wrong"
        raise ValueError(message)
    return math.ceil(position_s * PICTURES_A_SECOND - 1e-3)


def _shown(frame: av.VideoFrame, places: int) -> Iterator[Pictures]:
    """Yield a frame's picture for some places; it is prepared only if there are any."""
    if places > 0:
        scaled = frame.reformat(_SCALED_WIDTH, _SCALED_HEIGHT, "rgb24", interpolation="BILINEAR").to_ndarray()
        top, left = (_SCALED_HEIGHT - HEIGHT) // 2, (_SCALED_WIDTH - WIDTH) // 2
        picture = scaled[top : top + HEIGHT, left : left + WIDTH].astype(np.uint8)
        for _ in range(places):
            yield picture


def _samples(container: InputContainer) -> Iterator[Sound]:
    """Yield the sound in parts of any length, with silence where it has gaps."""
    stream, begins = container.streams.audio[0], _begins_s(container)
    resampler = av.AudioResampler("flt", "mono", SAMPLES_A_SECOND)
    heard_s = 0.0
    for frame in chain(container.decode(stream), [None]):
        if frame is not None:
            begins_at = frame.time - begins if frame.time is not None else heard_s
            _place(begins_at)
            while begins_at - heard_s > _GAP_S:
                silence = min(begins_at - heard_s, CLIP_SECONDS)
                yield np.zeros(round(silence * SAMPLES_A_SECOND), np.float32)
                heard_s += silence
            heard_s += frame.samples / frame.sample_rate
        for resampled in resampler.resample(frame):
            yield resampled.to_ndarray()[0]
