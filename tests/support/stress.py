"""Threads that get in each other's way as often as Python lets them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

THREADS = 8
PATIENCE = 60.0  # real seconds after which threads that hang fail the test


def trace(frame: FrameType, event: str, argument: Any) -> Any:
    """A tracer in Python: between two lines the interpreter may switch threads."""
    return trace


@contextmanager
def hurried(traced: bool = False) -> Iterator[None]:
    """Switch threads every microsecond; `traced` also at every line."""
    interval, tracer = sys.getswitchinterval(), sys.gettrace()
    sys.setswitchinterval(1e-6)
    if traced:
        threading.settrace(trace)
    try:
        yield
    finally:
        threading.settrace(tracer)
        sys.setswitchinterval(interval)


def hammer(work: Callable[[int], object], *, threads: int = THREADS, traced: bool = False) -> None:
    """Run ``work(number)`` in many threads at once. What one of them raises is raised here."""
    errors: list[BaseException] = []
    start = threading.Barrier(threads)

    def run(number: int) -> None:
        try:
            start.wait(PATIENCE)
            work(number)
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(threads)]
    with hurried(traced):
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(PATIENCE)
    assert not any(worker.is_alive() for worker in workers), "threads hang"
    if errors:
        raise errors[0]


class Gauge:
    """How many are inside, without a lock that would order them: appending and popping are atomic."""

    def __init__(self) -> None:
        self._inside: list[None] = []
        self._counts: list[int] = []

    def enter(self) -> None:
        self._inside.append(None)
        self._counts.append(len(self._inside))

    def leave(self) -> None:
        self._inside.pop()

    @property
    def most(self) -> int:
        return max(self._counts, default=0)

    @property
    def total(self) -> int:
        return len(self._counts)
