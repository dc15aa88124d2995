"""The groups of features that can be extracted; a group's name is its column."""

from enum import StrEnum


class Group(StrEnum):
    """A group of features."""

    VISUAL = "visual"
    AUDIO = "audio"
    LOG_MEL = "log_mel"
    TEXT = "text"
