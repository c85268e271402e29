"""`VirtualTime`: policies and event loops on a clock that moves only because somebody waits."""

from __future__ import annotations

import asyncio
from _thread import allocate_lock
from typing import TYPE_CHECKING, Any, TypeVar

from backstay.drivers.libraries import backend, in_trio
from backstay.drivers.ports import REAL, Doorbell, Ports
from backstay.testing.loop import Stuck, VirtualLoop
from backstay.testing.scopes import StackedPorts, TimeScope, current_time
from backstay_core.clock import SECOND, ManualClock, to_ns
from backstay_core.failure import NEVER, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from backstay.policy import Policy

T = TypeVar("T")


class SharedClock(ManualClock):
    """A manual clock that several threads may move."""

    __slots__ = ("_lock",)

    def __init__(self, now: int = 0) -> None:
        super().__init__(now)
        self._lock = allocate_lock()

    def advance(self, ns: int) -> int:
        with self._lock:
            return super().advance(ns)


class VirtualBell(Doorbell):
    """Whoever waits for it lets the time pass. `patience`: real seconds in which another thread may ring first."""

    __slots__ = ("_advance", "_patience", "_vain")

    def __init__(self, advance: Callable[[int], object], patience: float | None) -> None:
        super().__init__()
        self._advance = advance
        self._patience = patience
        self._vain = 0

    def wait(self, ns: int) -> None:
        if self._lock.acquire(False) or (self._patience is not None and self._lock.acquire(True, self._patience)):
            return
        if ns >= NEVER // 2:
            raise Stuck(
                "a call waits for ever for a place, and nobody gives one back"
                + ("" if self._patience is not None else " (other threads are waited for with patience=seconds)")
            )
        self._vain = self._vain + 1 if ns <= 0 else 0
        if self._vain > 100:
            raise Stuck("a call waits again and again for a time that has passed")
        self._advance(max(0, ns))


class VirtualPorts(StackedPorts):
    """Ports of a virtual time."""

    __slots__ = ("time",)

    def __init__(self, time: VirtualTime, below: Ports) -> None:
        super().__init__(below)
        self.time = time
        self.simulated = True
        self.threads = time.patience is not None
        self.clock = time.clock
        self.pause = time._pass_ns
        self.doorbell = lambda: VirtualBell(time._pass_ns, time.patience)
        self.entropy = time._next_seed

    def in_loop(self, ns: int) -> int:
        self.check_loop()
        return ns

    def check_loop(self) -> None:
        self.time._check_loop()


class VirtualTime(TimeScope):
    """Inside ``with VirtualTime() as time:`` the pauses and waits of policies take no real time, and happen exactly.

    It holds for the `policies` given and those derived from them, or for all. They begin without a history (closed
    breakers, full budgets, nobody inside) at time 0, policies without a seed get one that follows from `seed`, and
    afterwards all is as it was before.

    Synchronous code just runs: whoever pauses or waits moves the clock. Coroutines run on a virtual event loop, by
    `run` (or `run_trio`), where the clock jumps when all tasks wait. What would wait for ever raises `Stuck`.

    `patience` is for tests with threads of their own: for how many real seconds to wait for another thread (to give a
    place back, or to wake a task) before time moves on. Code that does not go through policies or an event loop is not
    touched: it lets time pass by `advance`.
    """

    def __init__(self, *policies: Policy, seed: int = 0, patience: float | None = None) -> None:
        super().__init__(*policies, seed=seed)
        self._manual = SharedClock()
        self.patience = patience
        self._trio: Any = None  # a trio.testing.MockClock while it has the lead
        self._seeds = seed
        self.ports: Ports = VirtualPorts(self, REAL)

    def _over(self, below: Ports) -> Ports:
        return VirtualPorts(self, below)

    def clock(self) -> int:
        if self._trio is not None:
            self._manual.now = max(self._manual.now, round(self._trio.current_time() * SECOND))
        return self._manual.now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once, waking nobody in between (tasks whose time has come wake afterwards)."""
        if not seconds >= 0:
            raise ConfigurationError(f"time passes by 0 seconds or more; got {seconds!r}")
        self._pass_ns(to_ns(seconds))

    def _pass_ns(self, ns: int) -> None:
        """`advance` by ns (not at all if negative)."""
        if ns <= 0:
            return
        if self._trio is not None:
            self._trio.jump(ns / SECOND)
        self._manual.advance(ns)

    async def sleep(self, seconds: float) -> None:
        """``asyncio.sleep`` or ``trio.sleep``, whichever runs."""
        self._check_loop()
        await backend().sleep(to_ns(seconds))

    def _next_seed(self) -> int:
        """Seeds of policies that are made inside."""
        self._seeds += 1
        return self._seeds

    def _check_loop(self) -> None:
        """Raises `Stuck` on an event loop of another time: a timer there would come in real time or never."""
        loop = asyncio._get_running_loop()
        other = self._trio is None if loop is None else getattr(loop, "clock", None) is not self._manual
        if other and (loop is not None or in_trio()):
            raise Stuck(
                "a policy in virtual time is used on an event loop that is not: run the coroutine by VirtualTime.run(),"
                " or the loop by asyncio.Runner(loop_factory=time.new_loop); with trio, by VirtualTime.run_trio()"
            )

    def new_loop(self) -> VirtualLoop:
        """An asyncio event loop in this time, for ``asyncio.Runner(loop_factory=…)``."""
        return VirtualLoop(patience=self.patience, clock=self._manual)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """``asyncio.run`` in this time."""
        with asyncio.Runner(loop_factory=self.new_loop) as runner:
            return runner.run(main)

    def run_trio(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """``trio.run`` in this time (trio must be installed)."""
        from backstay.testing.trio_clock import run_trio

        return run_trio(self, function, args)


def run(main: Coroutine[Any, Any, T], *policies: Policy, seed: int = 0, patience: float | None = None) -> T:
    """``asyncio.run`` in virtual time: in the one that is entered, or else in one of its own."""
    time = current_time()
    if isinstance(time, VirtualTime) and not policies:
        return time.run(main)
    try:
        scope = VirtualTime(*policies, seed=seed, patience=patience)
    except BaseException:
        main.close()
        raise
    with scope:
        return scope.run(main)
