"""The clock of epoch deadlines: a thread that ticks while calls enter a component, and sleeps while none does."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

PERIOD = 0.01  # seconds
IDLE = 100  # ticks without a call after which it goes to sleep


class Ticker:
    """Calls `tick` every `PERIOD` seconds as long as `calls` goes on changing."""

    def __init__(self, tick: Callable[[], object]) -> None:
        self.tick = tick
        self.calls = 0
        self.sleeping = True
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._pid = 0

    def note(self) -> None:
        """A call is about to enter."""
        self.calls += 1
        if self.sleeping:
            self._rouse()

    def _rouse(self) -> None:
        with self._lock:
            if self._pid != os.getpid():  # the first call, or the first one after a fork
                self._pid = os.getpid()
                self._wake = threading.Event()
                threading.Thread(target=self._run, args=(self._wake,), name="backstay-wasm", daemon=True).start()
            self.sleeping = False
            self._wake.set()

    def _run(self, wake: threading.Event) -> None:
        seen, idle = self.calls, 0
        pause = threading.Event()
        while True:
            pause.wait(PERIOD)
            self.tick()
            if self.calls != seen:
                seen, idle = self.calls, 0
                continue
            idle += 1
            if idle >= IDLE:
                wake.clear()
                self.sleeping = True
                if self.calls == seen:  # else a call came in between and may have found it awake
                    wake.wait()
                self.sleeping = False
                idle = 0


def ticks(seconds: float) -> int:
    """How many ticks are at least `seconds`."""
    return max(1, int(seconds / PERIOD + 0.999)) + 1
