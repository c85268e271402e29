"""What happened, for those who watch: a bounded ring of events.

Strategies tell of transitions and refusals, drivers of retries and outcomes. A listener is never part of a decision,
and an exception in it is dropped.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Event:
    """`name` happened at `now` (ns) in `source` (a strategy's name, or the policy's); `detail` is plain data.

    `key` is that of the policy's state it happened in, if the policy is keyed.
    """

    __slots__ = ("detail", "key", "name", "now", "source")

    def __init__(self, now: int, source: str, name: str, detail: "Any" = None, key: "Any" = None) -> None:
        self.now = now
        self.source = source
        self.name = name
        self.detail = detail
        self.key = key

    def __repr__(self) -> str:
        key = "" if self.key is None else f", key={self.key!r}"
        return f"Event(now={self.now!r}, source={self.source!r}, name={self.name!r}, detail={self.detail!r}{key})"


class Ring:
    """The last `capacity` items, oldest first. Adding is O(1) and never fails; `dropped` counts what fell out."""

    __slots__ = ("_items", "_next", "dropped")

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("a ring holds at least one item")
        self._items: "list[Any]" = [None] * capacity
        self._next = 0
        self.dropped = 0

    def append(self, item: "Any") -> None:
        capacity = len(self._items)
        position = self._next
        self._items[position % capacity] = item
        self._next = position + 1
        if position >= capacity:
            self.dropped = position + 1 - capacity

    def __len__(self) -> int:
        return min(self._next, len(self._items))

    def to_list(self) -> "list[Any]":
        capacity = len(self._items)
        begin = max(0, self._next - capacity)
        return [self._items[i % capacity] for i in range(begin, self._next)]
