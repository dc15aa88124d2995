"""A process that sends at a rate, in which everything is prepared before it is told to go."""

import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from queue import Empty
from types import TracebackType
from typing import Any, Final, Self

from benchmarks.children import Child, wait_until
from benchmarks.prepared_batches import PreparedRequest, prepare
from benchmarks.system import viewers
from streams.replay.publish import publish_supervised
from streams.settings import KafkaSettings

_GRACE_S: Final = 10.0
_PAUSE_S: Final = 0.05


class Sender:
    """The process; it is gone when the block that it is used in ends."""

    name = "the sender"

    def __init__(self, prepared: Callable[..., Callable[[], Any]], *arguments: Any) -> None:
        """Name what prepares everything, given the arguments, and returns what sends it; that returns what is to be told."""
        processes = multiprocessing.get_context("spawn")
        self._prepared, self._go, self._told = processes.Event(), processes.Event(), processes.Queue()
        given = (prepared, arguments, self._prepared, self._go, self._told)
        self._process = processes.Process(target=_run, args=given, daemon=True)

    def __enter__(self) -> Self:
        """Start; it begins to prepare."""
        self._process.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """End it."""
        self._process.terminate()
        self._process.join(_GRACE_S)
        self._process.kill()
        self._process.join()

    @property
    def alive(self) -> bool:
        """Whether it runs: until the end of the block, unless it fails."""
        return self._process.is_alive()

    @property
    def is_prepared(self) -> bool:
        """Whether it can go."""
        return self._prepared.is_set()

    def last_log_lines(self) -> list[str]:
        """Say where its words are."""
        return ["it speaks for itself, above"]

    def go(self) -> None:
        """Have it send."""
        self._go.set()

    def result(self, deadline_s: float, *children: Child, meanwhile: Callable[[], Any] = lambda: None) -> Any:
        """Return what it tells when it has sent everything; until then, something is done again and again.

        Raises:
            RuntimeError: it has ended, or one of the others that are to run.
            TimeoutError: the time has.
        """
        told = []

        def is_over() -> bool:
            meanwhile()
            with suppress(Empty):
                told.append(self._told.get_nowait())
            return bool(told)

        wait_until(is_over, "all is sent", deadline_s, self, *children, pause_s=_PAUSE_S)
        return told[0]


def _run(prepared: Callable[..., Callable[[], Any]], arguments: tuple[Any, ...], is_prepared: Any, go: Any, told: Any) -> None:
    send = prepared(*arguments)
    is_prepared.set()
    go.wait()
    told.put(send())
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()  # so that the process is there as long as somebody may ask whether it is


def requests_of(kafka: KafkaSettings, rate: float, seconds: float, videos: int) -> list[PreparedRequest]:
    """Return what simulated viewers do, for so many seconds at a rate; what models know of their videos is sent before."""
    source = viewers(1, int(rate * seconds), videos)
    publish_supervised(source.supervised_messages(), kafka)
    return list(prepare(source, kafka, rate))
