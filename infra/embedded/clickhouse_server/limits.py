"""What the server holds at most, and what happens at each limit."""

from dataclasses import dataclass

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class ServerLimits:
    """Bounds of one server process; beyond them a request is refused with a ClickHouse error."""

    request_bytes: int = 256 * MEBIBYTE
    """Largest request body, before and after decompression (413 beyond)."""
    statement_bytes: int = MEBIBYTE
    """Longest SQL text without its data (413 beyond)."""
    buffered_result_bytes: int = 512 * MEBIBYTE
    """Largest result in a format that cannot be streamed (the engine's TOO_MANY_ROWS_OR_BYTES beyond)."""
    reads: int = 8
    """Queries that run at once."""
    writes: int = 4
    """Inserts that run at once; they have places of their own, so that slow queries do not stop them."""
    waiting: int = 64
    """Requests that wait for a place, per kind (503 beyond)."""
    sessions: int = 256
    """Sessions kept; beyond it the one that has been idle longest is closed."""
    disk_reserve_bytes: int = 256 * MEBIBYTE
    """Room that inserts and merges leave on the disk (NOT_ENOUGH_SPACE beyond)."""
    shutdown_s: float = 20.0
    """How long a stop waits for running queries before it kills them."""
