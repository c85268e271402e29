"""Where a Cache or an Idempotency keeps what it knows."""

from __future__ import annotations

from _thread import RLock

from backstay_core.entries import Entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay_core.entries import Flight

NOTHING = object()  # what a lookup that finds nothing finds
KEPT = RLock()


class Kept:
    """What one strategy keeps, and the lock around it: held for a look, never while a call runs."""

    __slots__ = ("entries", "lock")

    def __init__(self, most: int) -> None:
        self.lock = RLock()
        self.entries = Entries(most)

    def desert(self) -> None:
        """In the child of a fork nobody fetches what the parent's threads did. What one of them was just changing is
        not to be trusted: then nothing is kept any more."""
        whole = self.lock.acquire(blocking=False)
        if whole:
            self.entries.desert()
        else:
            self.entries = Entries(self.entries.most)
        self.lock = RLock()


class Waiting:
    """``with Waiting(kept, flight, ring): …``: `ring` is called when the flight is over, which it may be already."""

    __slots__ = ("_flight", "_kept", "_ring")

    def __init__(self, kept: Kept, flight: Flight, ring: Callable[[], object]) -> None:
        self._kept = kept
        self._flight = flight
        self._ring = ring

    def __enter__(self) -> None:
        with self._kept.lock:
            self._flight.waiters[self._ring] = None

    def __exit__(self, *_: object) -> None:
        with self._kept.lock:
            self._flight.waiters.pop(self._ring, None)


def kept_by(layer: Any) -> Kept:
    if layer.kept is None:
        with KEPT:  # or two calls at once would keep things in two places
            if layer.kept is None:
                layer.kept = Kept(layer.options.entries)
    kept: Kept = layer.kept
    return kept
