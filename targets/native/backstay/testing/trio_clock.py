"""trio in virtual time: its own mock clock jumps, and the policies' clock follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import trio
import trio.testing

from backstay.testing.loop import Stuck
from backstay_core.clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from backstay.testing.virtual import VirtualTime

T = TypeVar("T")


class Watch(trio.abc.Instrument):
    """Notices that all tasks wait and no deadline is set, and then cancels everything."""

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.stuck = False
        self._token: trio.lowlevel.TrioToken | None = None

    def before_run(self) -> None:
        self._token = trio.lowlevel.current_trio_token()

    def before_io_wait(self, timeout: float) -> None:
        statistics = trio.lowlevel.current_statistics()
        if self.stuck or self._token is None or statistics.tasks_runnable:
            return
        if statistics.seconds_to_next_deadline != float("inf") or statistics.run_sync_soon_queue_size:
            return
        if trio.to_thread.current_default_thread_limiter().borrowed_tokens:
            return  # a worker thread is busy, and its end will wake somebody
        self.stuck = True
        self._token.run_sync_soon(self.scope.cancel)


def run_trio(time: VirtualTime, function: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> T:
    """See `VirtualTime.run_trio`."""
    clock = trio.testing.MockClock(autojump_threshold=0)
    clock.jump(time._manual.now / SECOND)
    watch = Watch()

    async def main() -> T:
        with watch.scope:
            return await function(*args)
        raise Stuck("every trio task waits and no deadline is set")

    time._trio = clock
    try:
        return trio.run(main, clock=clock, instruments=[watch])
    finally:
        time.clock()
        time._trio = None
