"""A worker from whom Kafka is cut off once, while it reads the state of the partitions that it takes over."""

from itertools import count
from typing import Any

import streams.app
from schemas.errors import UnavailableError
from streams.cli.main import main
from streams.recovery import recover
from streams.state import PartitionState

_calls = count()


def _cut_off_recover(*arguments: Any) -> PartitionState:
    if next(_calls) == 0:
        message = "Kafka does not answer: cut off by a test"
        raise UnavailableError(message)
    return recover(*arguments)


if __name__ == "__main__":
    streams.app.recover = _cut_off_recover
    main()
