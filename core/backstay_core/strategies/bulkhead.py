"""Bulkhead: a bound on how many calls are inside at once, with a bounded queue before it.

Rules:

BH1   At most `limit` calls are inside.
BH2   With all places taken a call waits if fewer than `queue` are waiting, else it is refused.
BH3   Places are handed over in the order in which calls began to wait; while somebody waits nobody else enters. (With
      `shed` and `fair` the rules PR2 to PR4 of `priority` say who is first.)
BH4   A call that has waited for `wait`, or until its caller's deadline, is refused. A Timeout that runs out while the
      call waits fires.
BH5   A place granted in the same instant in which waiting would have ended is taken.
BH6   A call that is abandoned while it waits leaves the queue; if it had just been granted a place, it passes it on.
BH7   Every call that was inside gives its place back once, whatever its outcome.
BH8   A call admitted before the state was revived gives back nothing.

How waiting is kept is in `queue`.
"""

from backstay_core.failure import NEUTRAL, Failure
from backstay_core.options import Field, Options
from backstay_core.state import Reader
from backstay_core.strategies.contract import GATE
from backstay_core.strategies.priority import FAIR, SHED
from backstay_core.strategies.queue import QUEUE, WAIT, Queue, Room

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Bulkhead(Options):
    """Options of a bulkhead."""

    KIND = "bulkhead"
    ROLE = GATE
    FIELDS = (
        Field("limit", "count", "calls inside at once", least=1),
        QUEUE,
        WAIT,
        SHED,
        FAIR,
    )

    limit: int
    queue: int
    wait_ns: "int | None"
    shed_ppm: int
    fair: bool

    def __init__(
        self, limit: int, *, queue: int = 0, wait: "float | None" = None, shed: float = 0.0, fair: bool = False
    ) -> None:
        self._set(limit=limit, queue=queue, wait=wait, shed=shed, fair=fair)

    def state(self, seed: int = 0) -> "Places":
        return Places(self)


class Places(Queue):
    """The state of one bulkhead."""

    __slots__ = ()
    FULL = "BULKHEAD_FULL"
    OVER = "BULKHEAD_WAIT"
    options: Bulkhead

    def places(self) -> int:
        return self.options.limit

    def judge(self, failure: Failure, took: int) -> int:
        return NEUTRAL

    def judge_value(self, value: "Any", took: int, late: bool) -> int:
        return NEUTRAL

    def body(self, now: int) -> "dict[str, Any]":
        return dict(self.line(), inside=self.inside)

    def parse(self, read: Reader, now: int) -> "Any":
        inside = read.integer("inside", most=self.options.limit)
        line = self.parse_line(read)
        if read.revive:
            return line, Room(self.options.limit), self.options.limit  # BH8
        return line, self.epoch, self.options.limit - max(inside, self.inside)  # those inside hold it

    def adopt(self, parsed: "Any") -> None:
        self.round, epoch, free = parsed
        epoch.free = free
        self.epoch = epoch
