"""What a call in a trio task needs of trio: waiting, and Timeouts as cancel scopes.

Cancellation is trio's own: a Timeout is a `trio.CancelScope` around the operation, so what it cancels sees
`trio.Cancelled` at every checkpoint until it ends, and a scope outside it wins where both have been cancelled.
"""

from __future__ import annotations

import trio

from backstay.frames.judging import PolicyBug
from backstay_core.clock import SECOND
from backstay_core.failure import NEVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Context
    from types import TracebackType
    from typing import Any


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


class Crew:
    """Operations in tasks of their own, in a nursery: whoever leaves waits for all of them."""

    def __init__(self, operation: Callable[[tuple[Any, ...]], Awaitable[Any]], ended: Callable[..., None]) -> None:
        self.patient = True
        self._operation = operation
        self._ended = ended
        self._manager = trio.open_nursery()
        self._scopes: dict[int, trio.CancelScope] = {}

    async def __aenter__(self) -> Crew:
        self._nursery = await self._manager.__aenter__()
        return self

    def start(self, action: tuple[Any, ...]) -> None:
        self._scopes[action[1]] = trio.CancelScope()
        self._nursery.start_soon(self._work, action)

    def stop(self, token: int) -> None:
        self._scopes[token].cancel()

    async def _work(self, action: tuple[Any, ...]) -> None:
        token = action[1]
        with self._scopes[token] as scope:
            try:
                value = await self._operation(action)
            except (Exception, PolicyBug) as error:
                if not scope.cancel_called:
                    self._ended(token, error, failed=True)
            else:
                self._ended(token, value, failed=False)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return await self._manager.__aexit__(kind, error, traceback)


class Trio:
    """See `backstay.drivers.libraries.Backend`."""

    __slots__ = ()

    def bell(self) -> Bell:
        return Bell()

    def crew(self, operation: Any, ended: Any) -> Crew:
        return Crew(operation, ended)

    def background(self, call: Callable[[], Awaitable[None]], context: Context) -> None:
        trio.lowlevel.spawn_system_task(call, context=context)

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
