"""The outside world of a driver: a clock, and ways to wait. Tests put virtual ones in their place."""

from __future__ import annotations

from _thread import allocate_lock
from time import monotonic_ns, sleep

from backstay_core.clock import SECOND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_WAIT = 1.0  # seconds; a waiting thread looks again at least that often, so a lost wake-up heals


def sleep_for(ns: int) -> None:
    """Let the thread sleep for `ns` (not at all if it is negative)."""
    sleep(max(0, ns) / SECOND)


class Doorbell:
    """Lets one thread wait until another one rings, or until a time has come. Ringing again before that is harmless."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    def ring(self) -> None:
        try:
            self._lock.release()
        except RuntimeError:  # it has rung already
            pass

    def wait(self, ns: int) -> None:
        """Return when rung, or after `ns`, or after a second, whichever is first."""
        self._lock.acquire(True, max(0.0, min(ns / SECOND, LONGEST_WAIT)))


class Ports:
    """What a sync driver needs."""

    __slots__ = ("clock", "doorbell", "pause")

    def __init__(
        self,
        clock: Callable[[], int] = monotonic_ns,
        pause: Callable[[int], None] = sleep_for,
        doorbell: Callable[[], Doorbell] = Doorbell,
    ) -> None:
        self.clock = clock
        self.pause = pause
        self.doorbell = doorbell


REAL = Ports()
