"""The columnar decoder: a chunk of raw messages of topic `interactions` to columns, at compiled speed.

It reads a subset of JSON - a flat object, ASCII strings without escapes, plain decimals - and accepts only what
`Interaction` accepts, with the same values. What it does not recognise it leaves to `Interaction`, one message at a time:
so the two cannot disagree on what is valid, and only odd or broken messages are slow.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from schemas.byte_column import ByteColumn
from schemas.dead_letters import Reason, Rejection, rejection_of
from schemas.interactions import Interaction
from schemas.reader import parse_all


class InteractionColumns(NamedTuple):
    """Interactions by columns; n rows. Rows of messages that were rejected have `accepted` False and no meaning."""

    accepted: NDArray[np.bool_]
    kind: NDArray[np.uint8]
    video: NDArray[np.uint64]
    """Hash of `video_id`."""
    session: NDArray[np.uint64]
    """Hash of `session_id`."""
    viewer: NDArray[np.uint64]
    """Hash of `viewer_id`; 0 where there is none."""
    occurred_at_ms: NDArray[np.int64]
    from_ms: NDArray[np.int64]
    to_ms: NDArray[np.int64]
    video_start: NDArray[np.int64]
    """Where `video_id` stands in `buffer`."""
    video_length: NDArray[np.int64]
    buffer: NDArray[np.uint8]

    def video_id(self, row: int) -> bytes:
        """Return the `video_id` of one row."""
        start = self.video_start[row]
        return self.buffer[start : start + self.video_length[row]].tobytes()


def decode(
    values: ByteColumn, key: NDArray[np.uint64], max_message_bytes: int
) -> tuple[InteractionColumns, dict[int, Rejection]]:
    """Decode a chunk.

    Args:
        values: n raw messages.
        key: uint64[2], the secret of the identifiers' hashes.
        max_message_bytes: longer messages are rejected unread.

    Returns:
        The columns, and for each rejected row the reason why.
    """
    columns = _decode_values(values, key, max_message_bytes)
    declined = np.flatnonzero(~columns.accepted)
    if not len(declined):
        return columns, {}
    rejections: dict[int, Rejection] = {}
    rows, canonical = [], []
    for row in declined.tolist():
        judged = judge(values.item(row), max_message_bytes)
        if isinstance(judged, Rejection):
            rejections[row] = judged
        else:
            rows.append(row)
            canonical.append(judged.to_json())
    if rows:
        columns = _merge(columns, np.array(rows), _decode_values(ByteColumn.of(canonical), key, max(map(len, canonical))))
    return columns, rejections


def judge(value: bytes | None, max_message_bytes: int) -> Interaction | Rejection:
    """Read one message by the contract itself."""
    if not value:
        return Rejection(Reason.EMPTY_VALUE, "the message has no value")
    if len(value) > max_message_bytes:
        return Rejection(Reason.TOO_LARGE, f"{len(value)} bytes; at most {max_message_bytes} are read")
    try:
        return Interaction.model_validate_json(value)
    except ValidationError as error:
        return rejection_of(error)


def _decode_values(values: ByteColumn, key: NDArray[np.uint64], max_message_bytes: int) -> InteractionColumns:
    count = len(values.start)
    columns = InteractionColumns(
        accepted=np.empty(count, np.bool_),
        kind=np.empty(count, np.uint8),
        video=np.empty(count, np.uint64),
        session=np.empty(count, np.uint64),
        viewer=np.zeros(count, np.uint64),
        occurred_at_ms=np.empty(count, np.int64),
        from_ms=np.empty(count, np.int64),
        to_ms=np.empty(count, np.int64),
        video_start=np.empty(count, np.int64),
        video_length=np.empty(count, np.int64),
        buffer=values.buffer,
    )
    parse_all(columns, values.start, values.length, key, max_message_bytes)
    return columns


def _merge(columns: InteractionColumns, rows: NDArray[np.int64], again: InteractionColumns) -> InteractionColumns:
    for name in InteractionColumns._fields:
        if name == "video_start":
            columns.video_start[rows] = again.video_start + len(columns.buffer)
        elif name != "buffer":
            getattr(columns, name)[rows] = getattr(again, name)
    buffer = np.concatenate([columns.buffer, again.buffer])
    buffer.flags.writeable = False
    return columns._replace(buffer=buffer)
