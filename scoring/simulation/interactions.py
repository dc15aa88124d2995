"""A batch of interactions by columns, and its rendering to the messages of topic `interactions`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.interactions import KINDS, SCHEMA_VERSION


@dataclass(frozen=True)
class InteractionBatch:
    """n interactions in order of arrival. Positions are milliseconds of the video, times are Unix milliseconds."""

    kind: NDArray[np.uint8]
    """Place of the kind in `schemas.interactions.KINDS`."""
    video: NDArray[np.int32]
    """Place of the video in the list of video ids that the batch's source names."""
    session: NDArray[np.uint64]
    viewer: NDArray[np.uint64]
    occurred_at_ms: NDArray[np.int64]
    from_ms: NDArray[np.int64]
    to_ms: NDArray[np.int64]

    def __len__(self) -> int:
        """Return n."""
        return len(self.kind)


# %b: what comes before, the same for all events of one kind and video
_MESSAGE = b'%b%016x","viewer_id":"u-%016x","occurred_at_ms":%d,"from_s":%d.%03d,"to_s":%d.%03d}'


def render_json(batch: InteractionBatch, video_ids: Sequence[str]) -> list[bytes]:
    """Return the batch as messages, byte for byte as `Interaction.to_json` writes them.

    Positions are written from whole milliseconds, so no float error gets in.
    """
    heads = [
        f'{{"schema_version":{SCHEMA_VERSION},"kind":"{kind}","video_id":"{video_id}","session_id":"s-'.encode()
        for kind in KINDS
        for video_id in video_ids
    ]
    head = batch.kind.astype(np.int64) * len(video_ids) + batch.video
    columns = (
        batch.session,
        batch.viewer,
        batch.occurred_at_ms,
        *np.divmod(batch.from_ms, 1000),
        *np.divmod(batch.to_ms, 1000),
    )
    rows = zip([heads[place] for place in head.tolist()], *(column.tolist() for column in columns), strict=True)
    return [_MESSAGE % row for row in rows]
