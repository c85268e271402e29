"""Time that passes only because the program waits for it: an event loop and the ports of the sync driver.

Nothing here sleeps. Whoever waits moves the clock to the moment waited for, so hours pass in microseconds, a test that
asks for 1.5 s gets exactly 1 500 000 000 ns, and a program that would wait for ever is told so (`Stuck`).
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from backstay.drivers.ports import Doorbell, Ports
from backstay_core.clock import SECOND, ManualClock
from backstay_core.failure import NEVER

T = TypeVar("T")


class Stuck(RuntimeError):
    """Everybody waits and no timer is set: in real time this would hang."""


class _Jump(selectors.DefaultSelector):
    """Looks at real file descriptors without waiting (threads ring through one), and jumps instead of sleeping."""

    loop: VirtualLoop
    patience: float | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None:
            if self.patience is not None and (ready := super().select(self.patience)):
                return ready
            raise Stuck("every task waits and no timer is set")
        self.loop.now += max(1, round(timeout * SECOND))
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop with a clock of its own, `now`, in whole nanoseconds.

    `ports` are for policies whose calls are awaited on it.
    `patience` is for programs with several threads: for how many real seconds to wait for another thread when no timer
    is set, before `Stuck` is raised.
    """

    def __init__(self, now: int = 0, patience: float | None = None) -> None:
        self.now = now
        self.ports = Ports(clock=lambda: self.now)
        selector = _Jump()
        selector.loop = self
        selector.patience = patience
        super().__init__(selector)
        self._clock_resolution = 1e-10  # a timer one nanosecond away is not due yet

    def time(self) -> float:
        return self.now / SECOND


def run(main: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class _Bell(Doorbell):
    """Whoever waits for it in a single thread waits in vain: nobody else can ring. The time passes all the same."""

    __slots__ = ("_clock", "_rung", "_vain")

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._rung = False
        self._vain = 0

    def ring(self) -> None:
        self._rung = True

    def wait(self, ns: int) -> None:
        if not self._rung:
            if ns >= NEVER // 2:
                raise Stuck("the only thread waits for ever")
            self._vain = self._vain + 1 if ns <= 0 else 0
            if self._vain > 100:
                raise Stuck("the only thread waits again and again for a time that has passed")
            self._clock.advance(max(0, ns))
        self._rung = False


class ManualPorts(Ports):
    """Ports of the sync driver with a manual clock: pausing and waiting move it."""

    __slots__ = ("manual",)

    def __init__(self, now: int = 0) -> None:
        self.manual = ManualClock(now)
        super().__init__(self.manual, lambda ns: self.advance(ns), lambda: _Bell(self.manual))

    def advance(self, ns: int) -> None:
        self.manual.advance(max(0, ns))
