"""The queue before a gate: places that are taken and given back, and the calls that wait for one.

Every gate that lets calls wait is a `Queue`; its rules about waiting are those of the bulkhead (BH2 to BH6).

How it is kept: ``free`` = places − taken − waiting, one number that answers both questions: ``free <= 0`` on entry
means full *or* somebody waits; ``free <= 0`` after a release means somebody waits (the classic semaphore's count).
"""

from backstay_core.failure import NEUTRAL, NEVER, SnapshotError
from backstay_core.strategies.contract import GATE, GONE, GRANTED, WAITING, Permit, Refusal, State, Ticket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Room(Permit):
    """The epoch of a queue, and so its permit: `free` places."""

    __slots__ = ("free",)

    def __init__(self, free: int) -> None:
        self.free = free


class Queue(State):
    """A gate with `places` and a bounded queue before it.

    The options have `queue` (how many may wait) and `wait_ns` (for how long; None: as long as their deadlines allow).
    """

    __slots__ = ("epoch", "head", "tail", "waiting")
    ROLE = GATE
    FULL = ""  # reasons of refusals: no place and no room in the queue,
    OVER = ""  # waited for too long
    options: "Any"

    def __init__(self, options: "Any") -> None:
        super().__init__(options)
        self.epoch: "Any" = self.orphan()
        self.waiting = 0
        self.head: "Ticket | None" = None
        self.tail: "Ticket | None" = None

    def places(self) -> int:
        """How many there are."""
        raise NotImplementedError

    def orphan(self) -> Room:
        """A permit of an epoch that is over: nobody looks at it any more."""
        return Room(self.places())

    @property
    def free(self) -> int:
        """places − taken − waiting: negative by as many as wait in vain."""
        free: int = self.epoch.free
        return free

    def admit(self, now: int, wake: "Callable[[], object] | None" = None) -> "Permit | Ticket | Refusal":
        """A permit; a ticket if there is room in the queue and the caller gave a `wake`; else a refusal."""
        # -- straight line
        epoch = self.epoch
        epoch.free = (free := epoch.free) - (free > 0)
        # -- end
        if free > 0:
            permit: Permit = epoch
            return permit
        ticket = self._enqueue(now, wake) if wake is not None else None
        if ticket is None:
            self.tell(now, "refused")
            return Refusal(self.FULL)
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
        return Refusal(self.OVER)

    def settle(self, permit: "Any", now: int, verdict: int) -> None:
        """The call that held `permit` is over. Of an earlier epoch, it gives a place back where nobody looks."""
        # -- straight line
        permit.free = free = permit.free + 1
        # -- end
        if free <= 0:
            self.hand_over()

    def hand_over(self) -> None:
        """Give the places that are free to those who wait."""
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
        """Stop waiting, or give back a place that was granted to somebody who has left. Safe to repeat."""
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
            self.settle(ticket.permit, now, NEUTRAL)

    def rejoin(self, now: int, wake: "Callable[[], object]", until: int) -> Ticket:
        """A call that waited when a snapshot was taken waits again, behind those that are here already."""
        ticket = self._enqueue(now, wake)
        if ticket is None:
            raise SnapshotError(f"{self.options.KIND}: more calls wait than the options allow")
        ticket.until = until
        return ticket

    def desert(self) -> None:
        """Nobody is inside or waits any more: the process has forked, and they stayed in the parent."""
        self.epoch = self.orphan()
        self.head = self.tail = None
        self.waiting = 0
