"""What supervised models say of a simulated library, as messages of topic `supervised-scores`."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from schemas.supervised import SCHEMA_VERSION
from scoring.simulation.library import CATEGORIES, TAGS, Library

MODEL_VERSION = "simulated-1"


def supervised_messages(library: Library) -> Iterator[dict[str, Any]]:
    """Yield one message for each video that models have seen, in the order of the library."""
    for video in np.flatnonzero(library.known).tolist():
        rows = range(*library.clips(video).indices(len(library.appeal)))
        yield {
            "schema_version": SCHEMA_VERSION,
            "video_id": library.video_ids[video],
            "model_version": MODEL_VERSION,
            "category": CATEGORIES[library.category[video]],
            "clips": [_clip(library, row, index) for index, row in enumerate(rows)],
        }


def _clip(library: Library, row: int, clip_index: int) -> dict[str, Any]:
    tags = library.tags[row]
    clip: dict[str, Any] = {
        "clip_index": clip_index,
        "score_mean": round(float(library.score_mean[row]), 3),
        "score_sd": round(float(library.score_sd[row]), 3),
        "tags": {TAGS[tag]: round(float(tags[tag]), 3) for tag in np.flatnonzero(tags).tolist()},
    }
    if not np.isnan(library.celebrity[row]):
        clip["celebrity"] = round(float(library.celebrity[row]), 3)
    return clip
