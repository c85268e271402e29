"""A daemon thread that looks whenever something is due."""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LEAST, MOST = 0.05, 60.0  # s between two looks


class Watcher:
    """Calls `look`, which returns after how many seconds to do so again, until `stop`."""

    def __init__(self, look: Callable[[], float]) -> None:
        self._look = look
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="backstay-environment", daemon=True)

    def start(self) -> Watcher:
        self._thread.start()
        return self

    @property
    def running(self) -> bool:
        return self._thread.is_alive() and not self._over.is_set()

    def stop(self) -> None:
        """Look no more; returns when the thread has ended, unless it is the one that asks."""
        self._over.set()
        if self._thread is not threading.current_thread():
            self._thread.join(MOST)

    def _run(self) -> None:
        wait = 0.0
        while not self._over.wait(wait):
            try:
                wait = min(MOST, max(LEAST, self._look()))
            except Exception:
                import logging

                logging.getLogger("backstay.environments").exception("looking at the environment failed")
                wait = MOST
