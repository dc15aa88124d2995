"""A video as clips of ten seconds, one after the other."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Final

from scoring.extraction.clip import PICTURES_A_SECOND, SAMPLES_A_SECOND, Clip
from streams.extraction.decoding import Pictures, Sound, Video
from streams.extraction.subtitles import read_subtitles, words_of_clip

_LEAST_SOUND: Final = SAMPLES_A_SECOND
"""Sound that goes on so shortly after the pictures makes no clip: encoders fill up their last block."""


def clips_of(video: Video, subtitles: Path | None, *, with_pictures: bool) -> Iterator[Clip]:
    """Yield the clips of a video; its pictures are decoded only where they are asked for, or where there is no sound.

    Raises:
        ConfigurationError: the video or its subtitles cannot be read to their end.
    """
    lines = read_subtitles(subtitles) if subtitles else None
    shows = video.has_pictures and (with_pictures or not video.has_sound)
    pictures: Iterator[Pictures] = video.pictures() if shows else iter(())
    sound: Iterator[Sound] = video.sound() if video.has_sound else iter(())
    seconds = 0.0
    for index, (seen, heard) in enumerate(zip_longest(pictures, sound)):
        if seen is None and (heard is None or (index and len(heard) < _LEAST_SOUND)):
            break
        yield Clip(seen, heard, None if lines is None else words_of_clip(lines, index))
        seconds += max(_seconds(seen, PICTURES_A_SECOND), _seconds(heard, SAMPLES_A_SECOND))
    video.check_end(seconds)


def _seconds(part: Pictures | Sound | None, a_second: int) -> float:
    return 0.0 if part is None else len(part) / a_second
