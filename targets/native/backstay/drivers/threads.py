"""Threads that a policy keeps at hand for attempts beside each other (`racing_threads`).

They are daemons: an attempt that nobody waits for any more does not keep the process from ending. A thread without work
ends after a while, so a policy that is forgotten leaves nothing behind.
"""

from __future__ import annotations

from queue import Empty, SimpleQueue
from threading import Lock, Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Box = SimpleQueue[Callable[[], None]]

MOST_THREADS = 32  # of one policy
IDLE = 10.0  # seconds without work after which a thread ends


class Threads:
    """At most `most` threads."""

    def __init__(self, name: str, most: int = MOST_THREADS, idle: float = IDLE) -> None:
        self.name = name
        self.most = most
        self.idle = idle
        self.forget()

    def forget(self) -> None:
        """In the child of a fork none of them lives."""
        self._lock = Lock()
        self._free: list[Box] = []
        self.count = 0

    def start(self, job: Callable[[], None]) -> bool:
        """Let a thread do `job`, which raises nothing. False if none is free and no further one may begin."""
        with self._lock:
            if self._free:
                self._free.pop().put(job)
                return True
            if self.count >= self.most:
                return False
            self.count += 1
        box: Box = SimpleQueue()
        box.put(job)
        try:
            Thread(target=self._work, args=(box,), name=f"backstay {self.name}", daemon=True).start()
        except RuntimeError:  # the process ends, or has no more threads to give
            with self._lock:
                self.count -= 1
            return False
        return True

    def _work(self, box: Box) -> None:
        while True:
            try:
                job = box.get(timeout=self.idle)
            except Empty:
                with self._lock:
                    if box not in self._free:  # a job is on its way
                        continue
                    self._free.remove(box)
                    self.count -= 1
                    return
            job()
            del job  # it holds a call, and what the call was given
            with self._lock:
                self._free.append(box)
