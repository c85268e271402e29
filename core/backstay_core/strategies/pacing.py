"""How a rate limit counts: five ways to say when so many calls in so much time have been let in.

Each is the state of one way: ``take(now, limit, kept)`` lets a call in and counts it, if `limit` calls in the period
less `kept` allow one more; ``when(now, limit, kept, ahead)`` is the time at which that will be so with so many calls
let in before it. `limit` may be smaller than what the way was made for (RL9), and `kept` is what the call may not use
(PR2).

=============== ======================================================================================================
way             what it keeps
=============== ======================================================================================================
token_bucket    `full`: the time at which the bucket is full again (the generic cell rate algorithm), as a multiple of
                1/limit ns, so that nothing is ever rounded
leaky_bucket    the same, of a bucket with room for one
fixed_window    the number of the window (``now // per``) and the calls in it
sliding_window  the same, and the calls of the window before
sliding_log     the times of the calls, oldest first
=============== ======================================================================================================
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay_core.state import Reader

TOKEN_BUCKET = "token_bucket"
LEAKY_BUCKET = "leaky_bucket"
FIXED_WINDOW = "fixed_window"
SLIDING_WINDOW = "sliding_window"
SLIDING_LOG = "sliding_log"


class Bucket:
    """Tokens that come one at a time; `burst` of them find room."""

    __slots__ = ("burst", "full", "limit", "per")

    def __init__(self, limit: int, per: int, burst: int) -> None:
        self.limit = limit
        self.per = per
        self.burst = burst
        self.full = 0

    def take(self, now: int, limit: int, kept: int) -> bool:
        at = now * self.limit
        cost = self.per * self.limit // limit
        room = (self.burst - kept - 1) * self.per
        # -- straight line
        full = self.full
        if full - room > at:
            return False
        self.full = cost + (full if full > at else at)
        # -- end
        return True

    def when(self, now: int, limit: int, kept: int, ahead: int) -> int:
        cost = self.per * self.limit // limit
        room = (self.burst - kept - 1) * self.per
        full = self.full
        while True:
            now = max(now, -((room - full) // self.limit))
            if not ahead:
                return now
            full = max(full, now * self.limit) + cost
            ahead -= 1

    def empty(self, until: int) -> None:
        """No tokens at `until`, but one (RL9)."""
        at = until * self.limit + (self.burst - 1) * self.per
        # -- straight line
        self.full = full if (full := self.full) > at else at
        # -- end

    def body(self, now: int) -> "dict[str, Any]":
        return {"missing": max(0, self.full - now * self.limit)}

    def load(self, read: "Reader", now: int) -> int:
        most = (self.burst + (1 << 62)) * self.per * self.limit  # a bucket may be emptied for a long time
        return now * self.limit + read.integer("missing", most=most)

    def adopt(self, full: int) -> None:
        self.full = full


class FixedWindow:
    """So many calls in each period of absolute time."""

    __slots__ = ("calls", "most", "number", "per")

    def __init__(self, limit: int, per: int, burst: int) -> None:
        self.per = per
        self.most = limit
        self.number = 0
        self.calls = 0

    def take(self, now: int, limit: int, kept: int) -> bool:
        number = now // self.per
        most = limit - kept
        # -- straight line
        if number > self.number:
            self.number = number
            self.calls = 0
        if self.calls >= most:
            return False
        self.calls = self.calls + 1
        # -- end
        return True

    def when(self, now: int, limit: int, kept: int, ahead: int) -> int:
        number = max(now // self.per, self.number)
        left = max(0, limit - kept - (self.calls if number == self.number else 0))
        if ahead < left:
            return max(now, number * self.per)
        return (number + 1 + (ahead - left) // (limit - kept)) * self.per

    def empty(self, until: int) -> None:
        """Windows need no emptying."""

    def body(self, now: int) -> "dict[str, Any]":
        return {"calls": self.calls if now // self.per <= self.number else 0}

    def load(self, read: "Reader", now: int) -> "tuple[int, int]":
        return now // self.per, read.integer("calls", most=self.most)

    def adopt(self, parsed: "tuple[int, int]") -> None:
        self.number, self.calls = parsed


class SlidingWindow:
    """The calls of this window, and of the one before the part that a period ending now still covers, as if they had
    come evenly."""

    __slots__ = ("before", "calls", "most", "number", "per")

    def __init__(self, limit: int, per: int, burst: int) -> None:
        self.per = per
        self.most = limit
        self.number = 0
        self.calls = 0
        self.before = 0

    def take(self, now: int, limit: int, kept: int) -> bool:
        per = self.per
        number = now // per
        room = (limit - kept - 1) * per
        # -- straight line
        ahead = number - self.number
        if ahead > 0:
            self.before = self.calls if ahead == 1 else 0
            self.number = number
            self.calls = 0
        left = (self.number + 1) * per - now
        left = left if left < per else per  # a clock that has gone back stays in the newest window
        if self.calls * per + self.before * left > room:
            return False
        self.calls = self.calls + 1
        # -- end
        return True

    def when(self, now: int, limit: int, kept: int, ahead: int) -> int:
        per = self.per
        most = limit - kept
        number, before, calls = self._at(now)
        while True:
            if most - calls - ahead - 1 >= 0:
                passed = 0
                if before:
                    passed = max(0, per - (most - calls - ahead - 1) * per // before)
                if passed < per:
                    return max(now, number * per + passed)
            taken = max(0, most - calls - (-(-before // per)))
            number, before, calls, ahead = number + 1, calls + taken, 0, ahead - taken

    def _at(self, now: int) -> "tuple[int, int, int]":
        """Number of the window, calls of the one before, calls of this one."""
        ahead = now // self.per - self.number
        if ahead <= 0:
            return self.number, self.before, self.calls
        return self.number + ahead, self.calls if ahead == 1 else 0, 0

    def empty(self, until: int) -> None:
        """Windows need no emptying."""

    def body(self, now: int) -> "dict[str, Any]":
        _, before, calls = self._at(now)
        return {"before": before, "calls": calls}

    def load(self, read: "Reader", now: int) -> "tuple[int, int, int]":
        most = self.most
        return now // self.per, read.integer("before", most=most), read.integer("calls", most=most)

    def adopt(self, parsed: "tuple[int, int, int]") -> None:
        self.number, self.before, self.calls = parsed


class Entry:
    """One call in a log."""

    __slots__ = ("next", "time")

    def __init__(self, time: int) -> None:
        self.time = time
        self.next: "Entry | None" = None


class SlidingLog:
    """The time of each call of the period that ends now."""

    __slots__ = ("calls", "most", "newest", "oldest", "per")

    def __init__(self, limit: int, per: int, burst: int) -> None:
        self.per = per
        self.most = limit
        self.calls = 0
        self.oldest: "Entry | None" = None
        self.newest: "Entry | None" = None

    def take(self, now: int, limit: int, kept: int) -> bool:
        self._forget(now)
        entry = Entry(now)
        most = limit - kept
        # -- straight line
        if self.calls >= most:
            return False
        newest = self.newest
        if newest is None:
            self.oldest = entry
        else:
            newest.next = entry
        self.newest = entry
        self.calls = self.calls + 1
        # -- end
        return True

    def _forget(self, now: int) -> None:
        entry = self.oldest
        while entry is not None and entry.time + self.per <= now:
            # -- straight line
            if self.oldest is entry:
                following = entry.next
                self.oldest = following
                if following is None:
                    self.newest = None
                self.calls = self.calls - 1
            # -- end
            entry = self.oldest

    def _times(self, now: int) -> "list[int]":
        times = []
        entry = self.oldest
        while entry is not None:
            if entry.time + self.per > now:
                times.append(entry.time)
            entry = entry.next
        return times

    def when(self, now: int, limit: int, kept: int, ahead: int) -> int:
        times = self._times(now)
        most = limit - kept
        first = len(times) + ahead - most  # who must have left by then
        later = 0
        while first >= len(times):  # … is himself one who comes in later
            first -= most
            later += self.per
        return now + later if first < 0 else times[first] + self.per + later

    def empty(self, until: int) -> None:
        """A log needs no emptying."""

    def body(self, now: int) -> "dict[str, Any]":
        return {"ages": [[max(0, now - time)] for time in self._times(now)]}

    def load(self, read: "Reader", now: int) -> "list[int]":
        ages = [row[0] for row in read.rows("ages", 1)]
        if len(ages) > self.most or ages != sorted(ages, reverse=True):
            read.refuse(f"ages are those of at most {self.most} calls, oldest first")
        return [now - age for age in ages]

    def adopt(self, times: "list[int]") -> None:
        self.oldest = self.newest = None
        self.calls = len(times)
        for time in times:
            entry = Entry(time)
            if self.newest is None:
                self.oldest = entry
            else:
                self.newest.next = entry
            self.newest = entry


WAYS: "dict[str, Any]" = {
    TOKEN_BUCKET: Bucket,
    LEAKY_BUCKET: Bucket,
    FIXED_WINDOW: FixedWindow,
    SLIDING_WINDOW: SlidingWindow,
    SLIDING_LOG: SlidingLog,
}
