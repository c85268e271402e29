"""Draining: what happens between the signal to end and the end.

Rules:

DR1   At the signal readiness goes: nobody sends new work once that is known. It takes a while to be known, so for
      `settle` seconds everything goes on.
DR2   Then the registered functions run, in their order, each bounded by the time that is left.
DR3   Then it waits until no call is inside a bulkhead or a concurrency limit of this process, or until the time is up.
DR4   All of it takes at most `grace` less `reserve` seconds: the platform kills after `grace`.
DR5   Last, the handler that was there before runs; if there was none, the process ends as the signal has it.
DR6   A second signal ends the wait.
"""

from __future__ import annotations

import os
import signal
import threading
from time import monotonic

from backstay import forking
from backstay.environments.bounded import bounded
from backstay_core.failure import ConfigurationError, UnifiedError
from backstay_core.strategies.bulkhead import Places
from backstay_core.strategies.concurrency_limit import Slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay.environments.endpoints import ProbeEndpoints
    from backstay.environments.manager import RuntimeEnvironmentManager

GRACE = 30.0  # s, as Kubernetes has it
STEP = 0.05  # s between two looks at who is inside


def inside() -> int:
    """Calls that are inside a bulkhead or a concurrency limit of this process now."""
    seen = {
        id(layer): layer
        for policy in forking.policies()
        for layer in forking.layers(policy)
        if isinstance(layer, (Places, Slots))
    }
    return sum(layer.inside for layer in seen.values())


class Drain:
    """Drains this process when a signal comes. Make it in the main thread, as Python asks for handlers.

    `grace` is what the platform gives (``terminationGracePeriodSeconds`` of a pod, ``TimeoutStopSec`` of a unit), in
    seconds (default: what the configuration of the `manager` says, or else 30); `endpoints` loses its readiness.
    `report` says, once it is over, what each step did.
    """

    def __init__(
        self,
        grace: float | None = None,
        *,
        manager: RuntimeEnvironmentManager | None = None,
        endpoints: ProbeEndpoints | None = None,
        settle: float = 5.0,
        reserve: float = 1.0,
        signum: int = signal.SIGTERM,
        then: Callable[[], object] | None = None,
    ) -> None:
        settings = {} if manager is None else manager.settings.get("kubernetes_pod", {})
        given = settings.get("grace_period", GRACE) if grace is None else grace
        for name, value in (("grace", given), ("settle", settle), ("reserve", reserve)):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e6:
                raise ConfigurationError(f"Drain({name}=…) is a number of seconds; got {value!r}")
        if settle + reserve > given:
            raise ConfigurationError(f"Drain: settle and reserve ({settle} s, {reserve} s) leave nothing of {given} s")
        self.report: list[str] = []
        self._endpoints = endpoints
        self.limit = given - reserve  # s that all of it may take
        self._settle = settle
        self._signum = signum
        self._then = then
        self._steps: list[tuple[str, Callable[[], object]]] = []
        self._hurry = threading.Event()
        self._over = threading.Event()
        self._began = False
        try:
            self._before: Any = signal.getsignal(signum)
            signal.signal(signum, self._handle)
        except (ValueError, OSError, TypeError) as error:
            raise ConfigurationError(f"Drain(signum={signum!r}): {error}") from None

    def register(self, name: str, step: Callable[[], object]) -> None:
        """`step` stops accepting, hands over, flushes: whatever must be done before the end."""
        self._steps.append((name, step))

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is drained; False if that took longer than `seconds`."""
        return self._over.wait(seconds)

    def remove(self) -> None:
        """Put back the handler that was there before, if it is still ours that is there."""
        if signal.getsignal(self._signum) == self._handle:
            signal.signal(self._signum, self._before if self._before is not None else signal.SIG_DFL)

    def _handle(self, signum: int, frame: Any) -> None:
        """In the main thread, which alone may put handlers in place."""
        if self._over.is_set():
            if self._before is not None:  # else it is no handler of Python's, and cannot be put back
                signal.signal(signum, self._before)
                os.kill(os.getpid(), signum)
        elif self._began:
            self._hurry.set()  # DR6
        else:
            self._began = True
            threading.Thread(target=self._run, name="backstay-drain").start()

    def _run(self) -> None:
        try:
            self._drain(monotonic() + self.limit)
        finally:
            self._over.set()
            if self._then is None:
                os.kill(os.getpid(), self._signum)  # DR5
            else:
                self._then()

    def _drain(self, until: float) -> None:
        if self._endpoints is not None:
            self._endpoints.draining = True
        self._hurry.wait(min(self._settle, self.limit))
        for name, step in self._steps:
            left = until - monotonic()
            if left <= 0:
                self.report.append(f"{name}: not begun, the time is up")
                continue
            try:
                bounded(name, step, left)
                self.report.append(f"{name}: done")
            except UnifiedError as error:
                self.report.append(f"{name}: {error}")
        while (count := inside()) and monotonic() < until and not self._hurry.wait(STEP):
            pass
        self.report.append("no call is inside" if not count else f"{count} calls are still inside")
