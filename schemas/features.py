"""Files of clips' features, with or without labels: what `highlights train-supervised` and `highlights score` read.

Parquet, one row a clip, all clips of a video together:

    video_id        string
    clip_index      integer, from 0
    category        string, may be missing or null
    score           number 0-10, null where nobody scored the clip; only to train
    score_sd        number, how far annotators differ, null where one alone scored; only to train
    tags            list of strings, empty where it has none, null where nobody said; only to train
    any other       list of numbers, of one length: a group of features (visual, audio, text, ...); null where the clip has none

NumPy (.npz) with the same names: arrays over clips; a group is [n, d] with rows of NaN for null; `tags` is [n, t] of 0, 1 and
NaN, with their names in `tag_names`.
"""

from typing import Final

VIDEO_ID: Final = "video_id"
CLIP_INDEX: Final = "clip_index"
CATEGORY: Final = "category"
SCORE: Final = "score"
SCORE_SD: Final = "score_sd"
TAGS: Final = "tags"
TAG_NAMES: Final = "tag_names"

KNOWN: Final = (VIDEO_ID, CLIP_INDEX, CATEGORY, SCORE, SCORE_SD, TAGS, TAG_NAMES)
"""Every other column is a group of features."""
