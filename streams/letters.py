"""Dead letters as a worker makes them: a message that was not applied, and why."""

from typing import NamedTuple

from schemas.dead_letters import Reason, Rejection, headers_of
from scoring.statistics.aggregation import CLOCK_AHEAD, TOO_LATE, Rules
from streams.chunks import Chunk


class DeadLetter(NamedTuple):
    """A message that could not be applied, as it is sent to the dead letters topic."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    reason: Reason


def dead_letter(chunk: Chunk, row: int, rejection: Rejection) -> DeadLetter:
    """Return the dead letter of one message of a chunk."""
    offset, stamp = int(chunk.offsets[row]), int(chunk.timestamps_ms[row])
    headers = [*chunk.headers_of(row), *headers_of(rejection, chunk.topic, chunk.partition, offset, stamp)]
    return DeadLetter(chunk.keys.item(row), chunk.values.item(row), headers, rejection.reason)


def rejection_of_fate(fate: int, occurred_at_ms: int, partition: int, rules: Rules) -> Rejection:
    """Return why a valid interaction was not applied."""
    if fate == TOO_LATE:
        detail = (
            f"occurred_at_ms = {occurred_at_ms}: more than {rules.session_window_ms} ms behind the partition's newest event; "
            "a longer HIGHLIGHTS_STATISTICS__SESSION_WINDOW_HOURS would take it"
        )
        return Rejection(Reason.TOO_LATE, detail)
    if fate == CLOCK_AHEAD:
        detail = (
            f"occurred_at_ms = {occurred_at_ms}: more than {rules.max_clock_skew_ms} ms ahead of the broker's stamp; "
            "correct the sender's clock"
        )
        return Rejection(Reason.CLOCK_AHEAD, detail)
    return wrong_partition(partition)


def wrong_partition(partition: int) -> Rejection:
    """Return the rejection of a message that another partition should hold."""
    detail = f"its video_id belongs to another partition than {partition}: partition by murmur2 of video_id"
    return Rejection(Reason.WRONG_PARTITION, detail)
