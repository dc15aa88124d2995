"""A worker from whom Kafka is cut off the first time that it does each of the things that it does beside its stream."""

from collections.abc import Callable
from itertools import count
from typing import Any

import streams.app
import streams.replacement
from schemas.errors import UnavailableError
from streams.cli.main import main
from streams.exclusions import exclude
from streams.recompute import recompute
from streams.recovery import recover


def _cut_off_once(function: Callable[..., Any]) -> Callable[..., Any]:
    calls = count()

    def cut_off(*arguments: Any, **options: Any) -> Any:
        if next(calls) == 0:
            message = f"Kafka does not answer: cut off from {function.__name__}"
            raise UnavailableError(message)
        return function(*arguments, **options)

    return cut_off


if __name__ == "__main__":
    streams.app.recover = _cut_off_once(recover)
    streams.app.exclude = _cut_off_once(exclude)
    streams.replacement.recompute = _cut_off_once(recompute)
    main()
