"""From videos to a folder of features; a video that cannot be read does not keep the others waiting."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from schemas.errors import ConfigurationError
from schemas.limits import CLIP_SECONDS, IDENTIFIER_PATTERN
from streams.extraction.clips import clips_of
from streams.extraction.decoding import Video
from streams.extraction.feature_folder import FeatureFolder, Features
from streams.extraction.groups import Group
from streams.extraction.subtitles import subtitles_of
from streams.extraction.weights import Extraction


class Extracted(NamedTuple):
    """What a run has done."""

    videos: int
    """With features now, of those that were named."""
    unchanged: int
    """Of these, those that had them before."""
    clips: int
    """In the folder, of all videos."""
    refused: dict[str, str]
    """What is wrong with each video that could not be read."""


class Told(NamedTuple):
    """Who is told how it goes."""

    begun: Callable[[Path, int], None]
    """Of a video, and about how many clips it has."""
    clip: Callable[[], None]
    refused: Callable[[str], None]


def video_ids(paths: Sequence[Path]) -> dict[str, Path]:
    """Return the videos by their ids, which are their names without the suffix.

    Raises:
        ConfigurationError: a name is no id, or two are the same.
    """
    wrong = next((path for path in paths if not re.fullmatch(IDENTIFIER_PATTERN, path.stem)), None)
    if wrong is not None:
        message = f"{wrong}: the name is to be the video's id, printable ASCII without space, quote or backslash: rename it"
        raise ConfigurationError(message)
    twice = next((stem for stem, count in Counter(path.stem for path in paths).items() if count > 1), None)
    if twice is not None:
        message = f"two files have the video id {twice!r}, their name without the suffix: rename one"
        raise ConfigurationError(message)
    return {path.stem: path for path in paths}


def extract(videos: dict[str, Path], folder: FeatureFolder, extraction: Extraction, told: Told) -> Extracted:
    """Extract features of the videos that have none in the folder yet, and join all videos' clips to one file."""
    unchanged, refused = 0, {}
    for video_id, path in videos.items():
        try:
            subtitles = _subtitles(path, extraction)
            source = {file.suffix: _state(file) for file in (path, subtitles) if file is not None}
            if folder.has(video_id, source):
                unchanged += 1
                continue
            folder.write(video_id, source, _features(Video(path), subtitles, extraction, told))
        except ConfigurationError as error:
            refused[str(path)] = str(error)
            told.refused(str(error))
    return Extracted(len(videos) - len(refused), unchanged, folder.join(), refused)


def _subtitles(path: Path, extraction: Extraction) -> Path | None:
    return subtitles_of(path) if Group.TEXT in extraction.weights else None


def _state(path: Path) -> str:
    """Return what changes when a file does.

    Raises:
        ConfigurationError: there is no such file.
    """
    try:
        found = path.stat()
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise ConfigurationError(message) from error
    return f"{path.name} {found.st_size} {found.st_mtime_ns}"


def _features(video: Video, subtitles: Path | None, extraction: Extraction, told: Told) -> dict[str, Features]:
    told.begun(video.path, -(-int(video.duration_s) // CLIP_SECONDS))
    groups: dict[str, Features] = {extractor.name: [] for extractor in extraction.extractors}
    for clip in clips_of(video, subtitles, with_pictures=Group.VISUAL in groups):
        for extractor in extraction.extractors:
            groups[extractor.name].append(extractor.features(clip))
        told.clip()
    if not any(groups.values()):
        message = f"{video.path} holds not one picture and no sound"
        raise ConfigurationError(message)
    return groups
