"""What a call in a trio task needs of trio: waiting, and Timeouts as cancel scopes.

Cancellation is trio's own: a Timeout is a `trio.CancelScope` around the operation, so what it cancels sees
`trio.Cancelled` at every checkpoint until it ends, and a scope outside it wins where both have been cancelled.
"""

from __future__ import annotations

import trio

from backstay_core.clock import SECOND
from backstay_core.failure import NEVER


class Bell:
    """Lets a task wait until it is rung, from any thread or task, or until a time has come."""

    __slots__ = ("_event", "_rung", "_token")

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._rung = False
        self._event: trio.Event | None = None

    def ring(self) -> None:
        """Raises RuntimeError if the run is over: nobody waits any more.

        It goes through trio's queue for other threads even in its own: the caller may be a finalizer.
        """
        self._token.run_sync_soon(self._wake)

    def _wake(self) -> None:
        self._rung = True
        if self._event is not None:
            self._event.set()

    async def wait(self, ns: int) -> None:
        if not self._rung:
            self._event = trio.Event()
            try:
                with scope_of(ns):
                    await self._event.wait()
            finally:
                self._event = None
        self._rung = False


def scope_of(ns: int) -> trio.CancelScope:
    """A cancel scope that ends `ns` from now."""
    scope = trio.CancelScope()
    if ns < NEVER // 2:
        scope.deadline = trio.current_time() + max(0, ns) / SECOND
    return scope


class Trio:
    """See `backstay.drivers.libraries.Backend`."""

    __slots__ = ()

    def bell(self) -> Bell:
        return Bell()

    async def sleep(self, ns: int) -> None:
        await trio.sleep(max(0, ns) / SECOND)

    def alarm(self, ns: int) -> trio.CancelScope:
        return scope_of(ns).__enter__()

    def stop(self, alarm: trio.CancelScope, error: BaseException | None) -> tuple[bool, BaseException | None]:
        """A group of errors may lose the cancellations among them; what is left is an error like any other."""
        try:
            alarm.__exit__(
                None if error is None else type(error), error, None if error is None else error.__traceback__
            )
        except BaseException as rest:
            return False, rest
        return alarm.cancelled_caught, None if alarm.cancelled_caught else error
