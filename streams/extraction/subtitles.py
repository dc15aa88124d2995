"""What subtitles say in each clip: files beside a video, SubRip (.srt) or WebVTT (.vtt)."""

import re
from pathlib import Path
from typing import Final, NamedTuple

from av.subtitles.subtitle import AssSubtitle

from schemas.limits import CLIP_SECONDS
from streams.extraction.decoding import opened

_SUFFIXES: Final = (".srt", ".vtt")
_STYLES: Final = re.compile(r"\{[^}]*\}")


class Line(NamedTuple):
    """A line of subtitles, and the seconds of the video that it is shown in."""

    from_s: float
    to_s: float
    words: str


def subtitles_of(video: Path) -> Path | None:
    """Return the subtitles beside a video: `NAME.srt`, else `NAME.vtt`, else the first of `NAME.LANGUAGE.srt` or `.vtt`."""
    exact = [video.with_suffix(suffix) for suffix in _SUFFIXES]
    beside = (path for path in video.parent.glob("*.*.*") if path.name.startswith(f"{video.stem}.") and path.suffix in _SUFFIXES)
    of_languages = sorted(path for path in beside if path.name.count(".") == video.stem.count(".") + 2)
    return next((path for path in (*exact, *of_languages) if path.is_file()), None)


def read_subtitles(path: Path) -> list[Line]:
    """Return the lines of a file, without their styles.

    Raises:
        ConfigurationError: the file cannot be read; it is to be UTF-8.
    """
    lines = []
    with opened(path) as container:
        stream = container.streams.subtitles[0]
        for packet in container.demux(stream):
            if packet.pts is None or packet.time_base is None:
                continue
            starts, lasts = (float(ticks * packet.time_base) for ticks in (packet.pts, packet.duration or 0))
            texts = [part.dialogue.decode() for part in stream.decode(packet) if isinstance(part, AssSubtitle)]
            lines.append(Line(starts, starts + lasts, _STYLES.sub("", " ".join(texts))))
    return lines


def words_of_clip(lines: list[Line], clip_index: int) -> str:
    """Return all that is shown in a clip, in the order of time."""
    start = clip_index * CLIP_SECONDS
    return "\n".join(line.words for line in lines if line.from_s < start + CLIP_SECONDS and line.to_s > start)
