"""An asyncio event loop whose time passes only because the program waits for it."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, Unpack

from backstay.drivers.ports import Ports
from backstay_core.clock import SECOND, ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

WORKER_PATIENCE = 10.0  # real seconds that a worker thread may take before timers go on without it


class Stuck(BaseException):
    """Everybody waits and no timer is set: in real time this would hang.

    No `Exception`, so that neither a Fallback nor a Retry makes something of it.
    """


class _Jump(selectors.DefaultSelector):
    """Looks at real file descriptors without waiting (threads ring through one), and jumps instead of sleeping."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.loop._working:
            patience = WORKER_PATIENCE if self.loop.patience is None else self.loop.patience
            if ready := super().select(patience):
                return ready
        if timeout is None:
            if self.loop.patience is not None and (ready := super().select(self.loop.patience)):
                return ready
            raise Stuck(f"every task waits and no timer is set:\n{waiting_tasks(self.loop)}")
        self.loop.clock.advance(max(1, round(timeout * SECOND)))
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop on a clock of its own, `clock`, which is at `now` whole nanoseconds.

    When all tasks wait, the clock jumps to the next timer: hours pass in microseconds. When no timer is set either, it
    raises `Stuck`. While a worker thread (`asyncio.to_thread`) is busy, time stands still.

    `patience` is for programs whose own threads wake tasks: for how many real seconds to wait for them when no timer is
    set. `ports` are for policies whose calls are awaited on this loop alone; usually `VirtualTime` sees to that.
    """

    def __init__(self, now: int = 0, patience: float | None = None, clock: ManualClock | None = None) -> None:
        self.clock = ManualClock(now) if clock is None else clock
        self.patience = patience
        self._working = 0
        self.ports = Ports(clock=self.clock)
        selector = _Jump()
        selector.loop = self
        super().__init__(selector)
        self._clock_resolution = 1e-10  # a timer one nanosecond away is not due yet

    @property
    def now(self) -> int:
        return self.clock.now

    @now.setter
    def now(self, now: int) -> None:
        self.clock.now = now

    def time(self) -> float:
        return self.clock.now / SECOND

    def run_in_executor(self, executor: Any, func: Callable[[Unpack[Ts]], T], *args: *Ts) -> asyncio.Future[T]:
        future: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        self._working += 1
        future.add_done_callback(self._worked)
        return future

    def _worked(self, _: object) -> None:
        self._working -= 1

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        self._working += 1
        try:
            await super().shutdown_default_executor(*args, **kwargs)
        finally:
            self._working -= 1


def waiting_tasks(loop: asyncio.AbstractEventLoop) -> str:
    """One line a task: its name and where it waits."""
    lines = []
    for task in asyncio.all_tasks(loop):
        stack = task.get_stack(limit=1)
        at = f" in line {stack[-1].f_lineno} of {stack[-1].f_code.co_filename}" if stack else ""
        name = getattr(task.get_coro(), "__qualname__", "?")
        lines.append(f"  {task.get_name()}: {name}{at}")
    return "\n".join(sorted(lines)) or "  (no tasks)"
