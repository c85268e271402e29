"""What a closed breaker remembers: the outcomes of the last calls, or of the last seconds.

A window is the epoch of a closed breaker and so its permit. `bad` counts the non-successes that were ever added, and
`gone` those of them that had left when the window was last counted: the difference is an upper bound, so that the exact
count is taken only when it could matter.
"""

from backstay_core.failure import FAILED, FAILED_SLOW, OK, SLOW
from backstay_core.strategies.contract import Permit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay_core.state import Reader


def _popcount(bits: int) -> int:
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count


POPCOUNT: "Callable[[int], int]" = getattr(int, "bit_count", _popcount)  # MicroPython has no bit_count

SLICES = 10


class CallWindow(Permit):
    """The last `size` calls as two bit rings, newest in bit 0.

    Shifting waits: a success only increments `run`, and a full window of successes (`run == size`) writes nothing at
    all; the next non-success shifts by ``run + 1`` in one go. This keeps the healthy path at one compare and one add
    (always shifting costs about 90 ns a call more once the window is not all zeros).
    """

    __slots__ = ("bad", "failed", "gone", "run", "seen", "since", "size", "slow")

    def __init__(self, since: int, size: int) -> None:
        self.since = since
        self.size = size
        self.run = 0  # successes since the last shift, at most `size`
        self.seen = 0  # calls in the rings, without `run`
        self.failed = 0
        self.slow = 0
        self.bad = 0
        self.gone = 0

    def add(self, now: int, verdict: int) -> None:
        size = self.size
        if verdict == OK:
            if self.run < size:
                # -- straight line
                self.run = run + 1 if (run := self.run) < size else size
                # -- end
            return
        mask = (1 << size) - 1
        failed = 1 if verdict == FAILED or verdict == FAILED_SLOW else 0
        slow = 1 if verdict == SLOW or verdict == FAILED_SLOW else 0
        # -- straight line
        shift = self.run + 1
        seen = self.seen + shift
        self.failed = ((self.failed << shift) | failed) & mask
        self.slow = ((self.slow << shift) | slow) & mask
        self.run = 0
        self.seen = seen if seen < size else size
        self.bad = self.bad + 1
        # -- end

    def counts(self, now: int) -> "tuple[int, int, int]":
        """(calls, failed, slow) in the window."""
        size = self.size
        # -- straight line
        run = self.run
        seen = self.seen
        failed = self.failed
        slow = self.slow
        # -- end
        if run:
            kept = (1 << (size - run)) - 1
            return min(size, seen + run), POPCOUNT(failed & kept), POPCOUNT(slow & kept)
        return seen, POPCOUNT(failed), POPCOUNT(slow)

    def to_data(self, now: int) -> "dict[str, Any]":
        mask = (1 << self.size) - 1
        run = self.run
        return {
            "failed": f"{(self.failed << run) & mask:x}",
            "slow": f"{(self.slow << run) & mask:x}",
            "seen": min(self.size, self.seen + run),
        }

    def load(self, read: "Reader", now: int) -> None:
        self.failed = read.bits("failed", self.size)
        self.slow = read.bits("slow", self.size)
        self.seen = read.integer("seen", most=self.size)
        self.bad = self.size

    def become(self, other: "CallWindow") -> None:
        self.since, self.run, self.seen = other.since, other.run, other.seen
        self.failed, self.slow, self.bad, self.gone = other.failed, other.slow, other.bad, other.gone


class Slice:
    """One tenth of a time window."""

    __slots__ = ("calls", "failed", "number", "older", "slow")

    def __init__(self, number: int, older: "Slice | None") -> None:
        self.number = number
        self.calls = 0
        self.failed = 0
        self.slow = 0
        self.older = older


class TimeWindow(Permit):
    """The calls of the last `width` × 10 ns, counted in ten slices by absolute slice number (``now // width``).

    `run` is −1: it tells a compiled frame that a success must take the method, not the inlined increment.
    """

    __slots__ = ("bad", "gone", "head", "run", "since", "width")
    seen = 0  # unknown without counting

    def __init__(self, since: int, width: int) -> None:
        self.since = since
        self.width = width
        self.run = -1
        self.bad = 0
        self.gone = 0
        self.head = Slice(since // width, None)

    def add(self, now: int, verdict: int) -> None:
        number = now // self.width
        head = self.head
        if number > head.number:  # a clock that goes back stays in the newest slice
            fresh = Slice(number, head)
            # -- straight line
            if self.head is head:
                self.head = fresh
            # -- end
            head = self.head
            self._forget(head)
        # -- straight line
        head.calls = head.calls + 1
        head.failed = head.failed + (verdict < 0)
        head.slow = head.slow + (verdict == SLOW or verdict == FAILED_SLOW)
        self.bad = self.bad + (verdict != OK)
        # -- end

    def _forget(self, head: Slice) -> None:
        cell = head
        older = cell.older
        while older is not None:
            if older.number <= head.number - SLICES:
                cell.older = None
                return
            cell = older
            older = cell.older

    def counts(self, now: int) -> "tuple[int, int, int]":
        """(calls, failed, slow) in the slice of `now` and the nine before it."""
        oldest = max(now // self.width, self.head.number) - SLICES
        calls = failed = slow = 0
        cell: "Slice | None" = self.head
        while cell is not None and cell.number > oldest:
            calls += cell.calls
            failed += cell.failed
            slow += cell.slow
            cell = cell.older
        return calls, failed, slow

    def to_data(self, now: int) -> "dict[str, Any]":
        newest = max(now // self.width, self.head.number)
        rows = []
        cell: "Slice | None" = self.head
        while cell is not None and cell.number > newest - SLICES:
            rows.append([newest - cell.number, cell.calls, cell.failed, cell.slow])
            cell = cell.older
        return {"slices": rows}

    def load(self, read: "Reader", now: int) -> None:
        newest = now // self.width
        head: "Slice | None" = None
        rows = sorted(read.rows("slices", 4), reverse=True)
        ages = [row[0] for row in rows]
        if ages and (ages[0] >= SLICES or len(set(ages)) < len(ages)):
            read.refuse("slices are of different ages, tenths of the window")
        for age, calls, failed, slow in rows:
            head = Slice(newest - age, head)
            head.calls = calls
            head.failed = failed
            head.slow = slow
            self.bad += failed + slow
        if head is not None:
            self.head = head

    def become(self, other: "TimeWindow") -> None:
        self.since, self.head, self.bad, self.gone = other.since, other.head, other.bad, other.gone


class Probes(Permit):
    """The epoch of a breaker that is not closed: places for probes, and how many have passed.

    `since` is when the epoch began or its latest probe was admitted; `run` is −1, as above.
    """

    __slots__ = ("in_flight", "passed", "run", "since")

    def __init__(self, since: int) -> None:
        self.since = since
        self.run = -1
        self.in_flight = 0
        self.passed = 0

    def to_data(self, now: int) -> "dict[str, Any]":
        return {"in_flight": self.in_flight, "passed": self.passed}

    def load(self, read: "Reader", now: int) -> None:
        """Reviving drops the probes in flight: their callers are gone."""
        in_flight = read.integer("in_flight")
        self.passed = read.integer("passed")
        self.in_flight = 0 if read.revive else in_flight

    def become(self, other: "Probes") -> None:
        self.since, self.in_flight, self.passed = other.since, other.in_flight, other.passed
