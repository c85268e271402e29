"""What a host keeps by key: a bounded number of values, those used last, and which of them are being fetched.

No clock, no lock: times come in (ns), and one caller at a time. Looking, adding and removing take the same time however
many entries there are.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Entry:
    """A value, when it was kept, and what else is to be known of the call that it came from."""

    __slots__ = ("kept", "key", "mark", "next", "prev", "value")

    def __init__(self, key: "Any", value: "Any", mark: "Any", kept: int) -> None:
        self.key = key
        self.value = value
        self.mark = mark
        self.kept = kept
        self.prev: "Entry" = self
        self.next: "Entry" = self


class Flight:
    """A call that fetches the value of a key; the others wait for it. `waiters` (the keys) are called when it is
    `over`; whoever stops waiting takes his out."""

    __slots__ = ("failed", "key", "mark", "over", "waiters")

    def __init__(self, key: "Any", mark: "Any") -> None:
        self.key = key
        self.mark = mark
        self.over = False
        self.failed = False
        self.waiters: "dict[Callable[[], object], None]" = {}


class Entries:
    """At most `most` entries, the least recently used of which makes room, and the flights."""

    __slots__ = ("_by_key", "_flights", "_ring", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._by_key: "dict[Any, Entry]" = {}
        self._flights: "dict[Any, Flight]" = {}
        self._ring = Entry(None, None, None, 0)  # its next is the one used last, its prev the one to go

    def __len__(self) -> int:
        return len(self._by_key)

    def find(self, key: "Any") -> "Entry | None":
        """The entry of a key, which counts as used now."""
        entry = self._by_key.get(key)
        if entry is not None and self._ring.next is not entry:
            self._take_out(entry)
            self._put_first(entry)
        return entry

    def keep(self, key: "Any", value: "Any", mark: "Any", now: int) -> None:
        """Keep a value; forgets another one if there are too many."""
        entry = self._by_key.get(key)
        if entry is None:
            entry = self._by_key[key] = Entry(key, value, mark, now)
        else:
            self._take_out(entry)
            entry.value, entry.mark, entry.kept = value, mark, now
        self._put_first(entry)
        while len(self._by_key) > self.most:
            self._make_room()

    def forget(self, key: "Any") -> None:
        entry = self._by_key.pop(key, None)
        if entry is not None:
            self._take_out(entry)

    def _make_room(self) -> None:
        """Forget the one used longest ago. Comparing keys is the user's code, which may fail, or keep the same key
        meanwhile: whatever it does, their number stays bounded."""
        last = self._ring.prev
        self._take_out(last)
        try:
            removed = self._by_key.pop(last.key, None)
        except Exception:
            self.clear()
            raise
        if removed is None:
            self.clear()
        elif removed is not last:
            self._take_out(removed)

    def desert(self) -> None:
        """Nobody is there any more who fetches."""
        self._flights.clear()

    def clear(self) -> None:
        """Forget all values; flights go on."""
        self._by_key.clear()
        self._ring.prev = self._ring.next = self._ring

    def flight(self, key: "Any") -> "Flight | None":
        flight = self._flights.get(key)
        return None if flight is None or flight.over else flight

    def take_off(self, key: "Any", mark: "Any") -> Flight:
        """Begin to fetch the value of a key that nobody fetches."""
        flight = self._flights[key] = Flight(key, mark)
        return flight

    def land(self, flight: Flight, failed: bool) -> None:
        """It is over, once; whoever waits looks again. To be repeated if it was interrupted."""
        if not flight.over:
            flight.failed = failed
            flight.over = True
        try:
            if self._flights.get(flight.key) is flight:
                del self._flights[flight.key]
        finally:  # even if comparing keys fails
            while flight.waiters:
                ring = next(iter(flight.waiters))
                try:
                    ring()
                except Exception:  # its loop is closed: nobody waits there any more
                    pass
                flight.waiters.pop(ring, None)

    def _take_out(self, entry: Entry) -> None:
        entry.prev.next, entry.next.prev = entry.next, entry.prev

    def _put_first(self, entry: Entry) -> None:
        ring = self._ring
        entry.prev, entry.next = ring, ring.next
        ring.next.prev = entry
        ring.next = entry
