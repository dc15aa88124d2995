"""When a partition is stopped for what it sends to the dead letters: a broken sender must not drain a topic into them."""

from typing import Final

from streams.ledger import Ledger
from streams.settings import WorkerSettings

_FEWEST_MESSAGES: Final = 10_000
"""A ratio of fewer says little."""


def exceeded(ledger: Ledger, limits: WorkerSettings) -> str | None:
    """Return why a partition is to be stopped, and the way out; None while it may go on."""
    in_a_row, most = ledger.consecutive_dead_letters, limits.max_consecutive_dead_letters
    if most and in_a_row >= most:
        what = f"the last {in_a_row} messages up to offset {ledger.applied_offset} are all dead letters"
        way_out = f"HIGHLIGHTS_WORKER__MAX_CONSECUTIVE_DEAD_LETTERS above {in_a_row}, or 0 for no limit"
    elif _ratio(ledger) > limits.max_dead_letter_ratio:
        what = (
            f"{ledger.recent_dead_letters} of the last {ledger.recent_messages} messages up to offset {ledger.applied_offset} "
            "are dead letters"
        )
        way_out = f"HIGHLIGHTS_WORKER__MAX_DEAD_LETTER_RATIO above {_ratio(ledger):.2f}, or 1 for no limit"
    else:
        return None
    return (
        f"partition {ledger.partition} is stopped: {what} ({ledger.dead_letters}). See what they are with "
        f"`highlights dead-letters list`, mend the sender, then start the worker again with {way_out}"
    )


def _ratio(ledger: Ledger) -> float:
    return ledger.recent_dead_letters / ledger.recent_messages if ledger.recent_messages >= _FEWEST_MESSAGES else 0.0
