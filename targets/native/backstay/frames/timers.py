"""Timeouts of one delay in one event loop share one armed timer.

With a constant delay deadlines come in the order in which calls begin, so an insertion-ordered dict is an exact timer
queue: adding and removing cost a dict operation each, and the loop sees a timer only when the oldest entry may be due.
A timer a call costs three to five times as much (0.65 µs against 2 to 4 µs for a whole guarded await).

The armed timer is not cancelled when calls end: it finds an empty or younger queue, at most once per delay.
"""

from __future__ import annotations

import asyncio
from _thread import get_ident

from backstay.frames.elsewhere import check_home
from backstay_core.clock import SECOND
from backstay_core.failure import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay.drivers.ports import Ports

    Task = asyncio.Task[Any]


class TimerQueue:
    """The calls that one loop has under one Timeout: (deadline in ns, task) by a growing key.

    A frame adds ``entries[sequence + 1]`` and takes it out again. An entry that is gone by then has run out, and its
    task was cancelled.
    """

    __slots__ = ("_clock", "_loop", "armed", "entries", "sequence")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], int]) -> None:
        self.entries: dict[int, tuple[int, Task]] = {}
        self.sequence = 0
        self.armed = False
        self._loop = loop
        self._clock = clock

    def arm(self, ns: int) -> None:
        self._loop.call_later(max(0, ns) / SECOND, self._fire)
        self.armed = True

    def _fire(self) -> None:
        self.armed = False
        now = self._clock()
        entries = self.entries
        while entries:
            key = next(iter(entries))
            deadline, task = entries[key]
            if deadline > now:
                self.arm(deadline - now)
                return
            del entries[key]
            task.cancel()


class Home:
    """The timer queues of one policy in one loop, by the position of their Timeout."""

    __slots__ = ("loop", "queues", "tasks")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], int], positions: tuple[int, ...]) -> None:
        self.loop = loop
        self.queues = {position: TimerQueue(loop, clock) for position in positions}
        #  3.11 only: the table that current_task() looks into (see `emit.timeout.find_home`)
        self.tasks: Any = getattr(asyncio.tasks, "_current_tasks", {}).get


class Homes:
    """The homes of one policy, one for each thread that runs a loop with it."""

    __slots__ = ("_ports", "_positions", "by_thread")

    def __init__(self, ports: Ports, positions: tuple[int, ...]) -> None:
        self.by_thread: dict[int, Home] = {}
        self._ports = ports
        self._positions = positions

    def find(self) -> tuple[Home, Task]:
        """The running loop's home and task. Raises `ConfigurationError` outside a task, `Elsewhere` in one of trio."""
        check_home()
        task = asyncio.current_task()
        if task is None:
            raise ConfigurationError("a policy with a Timeout is awaited in a task")
        loop = task.get_loop()
        home = self.by_thread.get(get_ident())
        if home is None or home.loop is not loop:
            self._ports.check_loop()
            for ident, other in list(self.by_thread.items()):  # a copy: other threads begin and end as well
                if other.loop.is_closed():
                    self.by_thread.pop(ident, None)
            self.by_thread[get_ident()] = home = Home(loop, self._ports.clock, self._positions)
        return home, task
