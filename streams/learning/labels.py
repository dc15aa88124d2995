"""What annotators said of the library's clips, out of a file of theirs."""

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigurationError
from schemas.features import CLIP_INDEX, SCORE, VIDEO_ID
from scoring.ranker.annotated import tell_apart
from scoring.splits import Split, split_of
from streams.learning.snapshot import Snapshot
from streams.supervised.feature_file import read_rows


class Labels(NamedTuple):
    """Annotators' scores of a library's clips."""

    score: NDArray[np.float32]
    """[n] 0-10; NaN where nobody said."""
    data: dict[str, str]
    """SHA-256 of the file, by its name."""

    def of_split(self, snapshot: Snapshot, split: Split) -> NDArray[np.float32]:
        """Return the scores of the clips of the videos on one side, [n]; NaN elsewhere."""
        side = split_of(snapshot.videos)[snapshot.video]
        return np.where(side == split, self.score, np.float32(np.nan))


def read_labels(path: Path, snapshot: Snapshot) -> Labels:
    """Read `video_id`, `clip_index` and `score` (0-10, may be null) of a file as `highlights train-supervised` reads it.

    Clips that are not in the library are passed over: nobody has watched them yet.

    Raises:
        ConfigurationError: the file cannot be read, or its labels of the clips to learn from do not differ.
    """
    names = [snapshot.videos[video] for video in snapshot.video.tolist()]
    rows_of = {key: row for row, key in enumerate(zip(names, snapshot.clip_index.tolist(), strict=True))}
    score = np.full(snapshot.clips, np.nan, np.float32)
    for part in read_rows(path):
        for *key, value in zip(part.video_id, part.clip_index.tolist(), part.score.tolist(), strict=True):
            row = rows_of.get(tuple(key))
            if row is not None:
                score[row] = value
    labels = Labels(score, {path.name: sha256(path.read_bytes()).hexdigest()})
    if not tell_apart(labels.of_split(snapshot, Split.TRAIN)):
        message = (
            f"--labels {path}: no two of its clips with different {SCORE!r} are in the library and in videos to learn from; "
            f"are {VIDEO_ID!r} and {CLIP_INDEX!r} those of the interactions?"
        )
        raise ConfigurationError(message)
    return labels
