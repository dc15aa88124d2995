"""Bounds that every message keeps, whoever reads it.

They are part of the contract, not settings: state, replay and audit must judge an old message as it was judged first.
"""

CLIP_SECONDS = 10
"""Length of a clip in seconds: `clip_index = floor(position_s / 10)`."""

MAX_POSITION_S = 86_400.0
"""Largest position in a video, in seconds (24 hours)."""

MAX_IDENTIFIER_LENGTH = 128
"""Longest video, session or viewer identifier, in characters."""

IDENTIFIER_PATTERN = r"^[!#-\[\]-~]{1,128}$"
"""Printable ASCII without space, double quote and backslash: safe in keys, logs and addresses."""

MIN_TIME_MS = 946_684_800_000
"""Earliest event time, 2000-01-01 in Unix milliseconds: older stamps are broken clocks."""

MAX_TIME_MS = 4_102_444_800_000
"""Latest event time, 2100-01-01 in Unix milliseconds."""

MAX_SCORE = 10.0
"""Scores are on 0-10."""


def clip_id(video_id: str, clip_index: int) -> str:
    """Return the name of a clip, `"{video_id}:{clip_index}"`."""
    return f"{video_id}:{clip_index}"


def parse_clip_id(text: str) -> tuple[str, int]:
    """Return `(video_id, clip_index)` of a clip's name.

    Raises:
        ValueError: `text` is not `"{video_id}:{clip_index}"`.
    """
    video_id, colon, index = text.rpartition(":")
    if not colon or not video_id or not (index.isascii() and index.isdigit()):
        message = f"clip id {text!r}: expected VIDEO_ID:CLIP_INDEX, for example v000123:4"
        raise ValueError(message)
    return video_id, int(index)
