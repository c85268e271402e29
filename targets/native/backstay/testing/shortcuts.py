"""Policies without their waits, and calls without their policies."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from backstay.drivers.libraries import backend
from backstay.drivers.ports import Doorbell, Ports
from backstay.testing.loop import Stuck
from backstay.testing.scopes import Scope, StackedPorts, TimeScope
from backstay_core.clock import SECOND, to_ns
from backstay_core.execution import ATTEMPT, NEW, START, Execution
from backstay_core.failure import NEVER, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstay.policy import Policy


class SkippingBell(Doorbell):
    """Waiting ends at once. One that has no end waits for another thread, in real time, as long as `patience` lasts."""

    __slots__ = ("_advance", "_patience")

    def __init__(self, advance: Callable[[int], object], patience: float) -> None:
        super().__init__()
        self._advance = advance
        self._patience = patience

    def wait(self, ns: int) -> None:
        if self._lock.acquire(False):
            return
        if ns < NEVER // 2:
            self._advance(ns)
        elif not self._lock.acquire(True, self._patience):
            raise Stuck(f"a call has waited {self._patience} s, really, for a place, and would wait for ever")


class SkippingPorts(StackedPorts):
    """The ports of `Instant`."""

    __slots__ = ("_time",)

    def __init__(self, time: Instant, below: Ports) -> None:
        super().__init__(below)
        self._time = time
        self.simulated = True
        self.clock = time.clock
        self.pause = time._skip
        self.doorbell = lambda: SkippingBell(time._skip, time.patience)

    def in_loop(self, ns: int) -> int:
        if ns >= NEVER // 2:
            return ns
        self._time._skip(ns)
        return 0


class Instant(TimeScope):
    """What `instant` makes: real time, plus all that was skipped."""

    def __init__(self, *policies: Policy, seed: int = 0, patience: float = 5.0) -> None:
        super().__init__(*policies, seed=seed)
        self.patience = patience
        self._began = monotonic_ns()
        self._skipped = 0

    def _over(self, below: Ports) -> Ports:
        return below if getattr(below, "simulated", False) else SkippingPorts(self, below)

    def _name(self) -> str:
        return "instant()"

    def _begin(self) -> None:
        self._began = monotonic_ns()
        super()._begin()

    def clock(self) -> int:
        return monotonic_ns() - self._began + self._skipped

    def _skip(self, ns: int) -> None:
        self._skipped += max(0, ns)

    @property
    def skipped(self) -> float:
        """Seconds that did not have to be waited for."""
        return self._skipped / SECOND

    def advance(self, seconds: float) -> None:
        if not seconds >= 0:
            raise ConfigurationError(f"time passes by 0 seconds or more; got {seconds!r}")
        self._skip(to_ns(seconds))

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await backend().sleep(0)


def instant(*policies: Policy, seed: int = 0, patience: float = 5.0) -> Instant:
    """Inside ``with instant():`` policies neither pause nor wait: retries happen at once, and who finds a bulkhead full
    is refused at once (in an event loop: after the other tasks had one turn).

    It holds for the `policies` given and those derived from them, or for all. To them the time that they would have
    waited has passed. They begin without a history, policies without a seed get one that follows from `seed`, and
    afterwards all is as it was before. What the guarded functions do takes as long as it takes. A bulkhead without a
    longest wait is waited for, `patience` real seconds at most.

    Inside `VirtualTime` it changes nothing: no wait takes real time there.
    """
    return Instant(*policies, seed=seed, patience=patience)


class DirectSteps(Execution):
    """A call that goes through no strategy."""

    __slots__ = ()

    def __init__(self, policy: Any, wake: Callable[[], object] | None = None, deadline: int = NEVER) -> None:
        super().__init__(policy, wake, deadline)
        self.layers = ()

    def step(self, event: tuple[Any, ...], now: int) -> list[tuple[Any, ...]]:
        if event[0] == START and self.mode == NEW:
            self.now = now
            return self._operate(0, ATTEMPT)
        return super().step(event, now)


def direct(usual: type[Execution]) -> type[Execution]:
    """The same step machine without strategies."""
    if issubclass(usual, DirectSteps):
        return usual
    if not issubclass(usual, Execution):  # of a policy that decides elsewhere
        return DirectSteps
    return type("Direct", (DirectSteps, usual), {"__slots__": ()})


class DirectPorts(StackedPorts):
    """The ports of `Disabled`."""

    __slots__ = ()

    def __init__(self, below: Ports) -> None:
        super().__init__(below)
        self.stepwise = True

    def execution(self, usual: type[Execution]) -> type[Execution]:
        return super().execution(direct(usual))


class Disabled(Scope):
    """What `disabled` makes."""

    def _over(self, below: Ports) -> Ports:
        return DirectPorts(below)

    def _name(self) -> str:
        return "disabled()"


def disabled(*policies: Policy) -> Disabled:
    """Inside ``with disabled():`` calls go straight to the functions: one attempt, no limits, no substitutes, and no
    strategy hears of it.

    It holds for the `policies` given and those derived from them, or for all.
    """
    return Disabled(*policies)
