"""The outside world of a driver: a clock, ways to wait, randomness. `backstay.testing` puts other ones in their place.

A policy reads all of them through `Policy.ports`. Putting other ports there works at any time: compiled frames, which
keep the clock at hand, are then compiled anew on their next call.
"""

from __future__ import annotations

import os
from _thread import allocate_lock
from time import monotonic_ns, sleep

from backstay_core.clock import SECOND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from backstay_core.execution import Execution

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


def random_seed() -> int:
    return int.from_bytes(os.urandom(8), "little")


class Ports:
    """What drivers need: `clock` reads ns, `pause` lets a thread sleep, `doorbell` makes a `Doorbell`, `entropy` gives
    seeds. `stepwise` ports want calls to be carried out step by step, also where frames could be compiled."""

    __slots__ = ("clock", "doorbell", "entropy", "pause", "stepwise", "threads")

    def __init__(
        self,
        clock: Callable[[], int] = monotonic_ns,
        pause: Callable[[int], None] = sleep_for,
        doorbell: Callable[[], Doorbell] = Doorbell,
        entropy: Callable[[], int] = random_seed,
    ) -> None:
        self.clock = clock
        self.pause = pause
        self.doorbell = doorbell
        self.entropy = entropy
        self.stepwise = False
        self.threads = True

    def check_loop(self) -> None:
        """Raises if timers of the running event loop do not go with this clock."""

    def in_loop(self, ns: int) -> int:
        """For how many ns a task of an event loop has to wait when its policy waits for `ns`."""
        return ns

    def execution(self, usual: type[Execution]) -> type[Execution]:
        """The step machine for policies with these ports."""
        return usual


REAL = Ports()
DEFAULT = REAL  # what new policies get
