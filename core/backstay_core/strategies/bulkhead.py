"""Bulkhead: a bound on how many calls are inside at once, with a bounded queue before it.

Rules:

BH1   At most `limit` calls are inside.
BH2   With all places taken a call waits if fewer than `queue` are waiting, else it is refused.
BH3   Places are handed over in the order in which calls began to wait; while somebody waits nobody else enters.
BH4   A call that has waited for `wait`, or until its caller's deadline, is refused. A Timeout that runs out while the
      call waits fires.
BH5   A place granted in the same instant in which waiting would have ended is taken.
BH6   A call that is abandoned while it waits leaves the queue; if it had just been granted a place, it passes it on.
BH7   Every call that was inside gives its place back once, whatever its outcome.
BH8   A call admitted before the state was revived gives back nothing.

How it is kept: ``free`` = limit − inside − waiting, one number that answers both questions: ``free <= 0`` on entry
means full *or* somebody waits; ``free <= 0`` after a release means somebody waits (the classic semaphore's count).
"""

from backstay_core.failure import NEUTRAL, NEVER, Failure, SnapshotError
from backstay_core.options import Field, Options
from backstay_core.state import Reader
from backstay_core.strategies.contract import GATE, GONE, GRANTED, WAITING, Permit, Refusal, State, Ticket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Bulkhead(Options):
    """Options of a bulkhead."""

    KIND = "bulkhead"
    ROLE = GATE
    FIELDS = (
        Field("limit", "count", "calls inside at once", least=1),
        Field("queue", "count", "calls that may wait", least=0),
        Field("wait", "seconds", "longest wait (default: as long as the deadline allows)", least=0, optional=True),
    )

    limit: int
    queue: int
    wait_ns: "int | None"

    def __init__(self, limit: int, *, queue: int = 0, wait: "float | None" = None) -> None:
        self._set(limit=limit, queue=queue, wait=wait)

    def state(self, seed: int = 0) -> "Places":
        return Places(self)


class Room(Permit):
    """The epoch of a bulkhead, and so its permit: `free` places."""

    __slots__ = ("free",)

    def __init__(self, free: int) -> None:
        self.free = free


class Places(State):
    """The state of one bulkhead."""

    __slots__ = ("epoch", "head", "tail", "waiting")
    ROLE = GATE
    options: Bulkhead

    def __init__(self, options: Bulkhead) -> None:
        super().__init__(options)
        self.waiting = 0
        self.epoch = Room(options.limit)
        self.head: "Ticket | None" = None
        self.tail: "Ticket | None" = None

    @property
    def free(self) -> int:
        """limit − inside − waiting: negative by as many as wait in vain."""
        return self.epoch.free

    def admit(self, now: int, wake: "Callable[[], object] | None" = None) -> "Permit | Ticket | Refusal":
        """A permit; a ticket if there is room in the queue and the caller gave a `wake`; else a refusal."""
        # -- straight line
        epoch = self.epoch
        epoch.free = (free := epoch.free) - (free > 0)
        # -- end
        if free > 0:
            return epoch
        ticket = self._enqueue(now, wake) if wake is not None else None
        if ticket is None:
            self.tell(now, "refused")
            return Refusal("BULKHEAD_FULL")
        return ticket

    def _enqueue(self, now: int, wake: "Callable[[], object]") -> "Ticket | None":
        wait = self.options.wait_ns
        ticket = Ticket(wake, NEVER if wait is None else now + wait)
        room = self.options.queue
        # -- straight line
        epoch = self.epoch
        if self.waiting >= room:
            return None
        last = self.tail
        ticket.prev = last
        if last is None:
            self.head = ticket
        else:
            last.next = ticket
        self.tail = ticket
        self.waiting = self.waiting + 1
        epoch.free = epoch.free - 1
        # -- end
        self.hand_over()  # a place may have come free between the look and the queueing
        return ticket

    def poll(self, ticket: Ticket, now: int) -> "Permit | Ticket | Refusal":
        """Look again: the permit, the ticket itself (still waiting), or a refusal once its time is over."""
        if ticket.status == GRANTED:
            permit: Permit = ticket.permit  # type: ignore[assignment]
            return permit
        if now < ticket.until:
            return ticket
        self.abandon(ticket, now)  # had another thread granted it just now, it is passed on
        self.tell(now, "wait_over")
        return Refusal("BULKHEAD_WAIT")

    def judge(self, failure: Failure, took: int) -> int:
        return NEUTRAL

    def judge_value(self, value: "Any", took: int, late: bool) -> int:
        return NEUTRAL

    def settle(self, permit: "Room", now: int, verdict: int) -> None:
        """The call that held `permit` is over. Of an earlier epoch, it gives a place back where nobody looks (BH8)."""
        # -- straight line
        permit.free = free = permit.free + 1
        # -- end
        if free <= 0:
            self.hand_over()

    def hand_over(self) -> None:
        while True:
            # -- straight line
            epoch = self.epoch
            ticket = self.head
            if ticket is None or epoch.free + self.waiting <= 0:
                return
            self.waiting = self.waiting - 1
            following = ticket.next
            self.head = following
            if following is None:
                self.tail = None
            else:
                following.prev = None
                ticket.next = None
            ticket.permit = epoch
            ticket.status = GRANTED
            # -- end
            try:
                ticket.wake()
            except Exception:  # its loop is closed: nobody will come for the place
                # -- straight line
                if ticket.status == GRANTED:
                    ticket.status = GONE
                    epoch.free = epoch.free + 1
                # -- end

    def abandon(self, ticket: Ticket, now: int) -> None:
        """Stop waiting, or give back a place that was granted to somebody who has left (BH6). Safe to repeat."""
        # -- straight line
        epoch = self.epoch
        status = ticket.status
        ticket.status = GONE
        if status == WAITING:
            before = ticket.prev
            after = ticket.next
            if before is None:
                self.head = after
            else:
                before.next = after
            if after is None:
                self.tail = before
            else:
                after.prev = before
            self.waiting = self.waiting - 1
            epoch.free = epoch.free + 1
            ticket.prev = None
            ticket.next = None
        # -- end
        elif status == GRANTED:
            self.settle(ticket.permit, now, NEUTRAL)  # type: ignore[arg-type]

    def rejoin(self, now: int, wake: "Callable[[], object]", until: int) -> Ticket:
        """A call that waited when a snapshot was taken waits again, behind those that are here already."""
        ticket = self._enqueue(now, wake)
        if ticket is None:
            raise SnapshotError("bulkhead: more calls wait than the options allow")
        ticket.until = until
        return ticket

    def orphan(self) -> Room:
        """A permit of an epoch that is over (BH8)."""
        return Room(self.options.limit)

    def body(self, now: int) -> "dict[str, Any]":
        """Who waits is the host's affair: waiting calls are counted, not saved."""
        return {"inside": self.options.limit - self.free - self.waiting, "waiting": self.waiting}

    def parse(self, read: Reader, now: int) -> "Any":
        inside = read.integer("inside", most=self.options.limit)
        read.integer("waiting", most=self.options.queue)
        if self.waiting:
            read.refuse("calls are waiting here; nothing can be restored over them")
        if read.revive:
            return Room(self.options.limit), self.options.limit  # BH8
        return self.epoch, self.options.limit - inside  # those inside hold it

    def adopt(self, parsed: "Any") -> None:
        epoch, free = parsed
        epoch.free = free
        self.epoch = epoch
