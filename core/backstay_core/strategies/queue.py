"""The queue before a gate: places that are taken and given back, and the calls that wait for one.

Every gate that lets calls wait is a `Queue`; its rules about waiting are those of the bulkhead (BH2 to BH6), and who
is served first is said in `priority`.

How it is kept: ``free`` = places − taken − waiting, one number that answers both questions: ``free <= 0`` on entry
means full *or* somebody waits; ``free <= 0`` after a release means somebody waits (the classic semaphore's count).
Those who wait stand in one list, by rank; without `shed` and `fair` all ranks are equal and it is the order of coming.
"""

from backstay_core.failure import NEUTRAL, NEVER, SnapshotError
from backstay_core.options import Field
from backstay_core.state import Reader
from backstay_core.strategies.contract import GONE, GRANTED, WAITING, Gate, Permit, Refusal, Ticket
from backstay_core.strategies.priority import ANYBODY, LEAST, Caller, withheld

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

QUEUE = Field("queue", "count", "calls that may wait", least=0)
WAIT = Field("wait", "seconds", "longest wait (default: as long as the deadline allows)", least=0, optional=True)


class Room(Permit):
    """The epoch of a queue, and so its permit: `free` places."""

    __slots__ = ("free",)

    def __init__(self, free: int) -> None:
        self.free = free


class Queue(Gate):
    """A gate with `places` and a bounded queue before it.

    The options have `queue` (how many may wait), `wait_ns` (for how long; None: as long as their deadlines allow),
    `shed_ppm` and `fair`. `withheld` is how many of the places the least important calls may not use (PR2).
    """

    __slots__ = ("asks", "epoch", "head", "round", "tail", "waiting", "withheld")
    FULL = ""  # reasons of refusals: no place and no room in the queue,
    OVER = ""  # waited for too long
    options: "Any"

    def __init__(self, options: "Any") -> None:
        super().__init__(options)
        self.asks = bool(options.shed_ppm) or options.fair
        self.epoch: "Any" = self.orphan()
        self.withheld = withheld(options, self.places())
        self.waiting = 0
        self.round = 0  # served last (PR4)
        self.head: "Ticket | None" = None
        self.tail: "Ticket | None" = None

    def places(self) -> int:
        """How many there are."""
        raise NotImplementedError

    @property
    def inside(self) -> int:
        """How many are taken."""
        return self.places() - self.free - self.waiting

    def orphan(self) -> Room:
        return Room(self.places())

    @property
    def free(self) -> int:
        """places − taken − waiting: negative by as many as wait in vain."""
        free: int = self.epoch.free
        return free

    def admit(
        self, now: int, wake: "Callable[[], object] | None" = None, caller: Caller = ANYBODY
    ) -> "Permit | Ticket | Refusal":
        """A permit; a ticket if there is room in the queue and the caller gave a `wake`; else a refusal."""
        permit = self.enter(caller.priority) if self.withheld else self.take()
        if permit is not None:
            return permit
        ticket = self.enqueue(now, wake, caller) if wake is not None else None
        if ticket is None:
            self.tell(now, "refused")
            return Refusal(self.FULL)
        return ticket

    def take(self) -> "Permit | None":
        """A place, if one is free and nobody waits."""
        # -- straight line
        epoch = self.epoch
        epoch.free = (free := epoch.free) - (free > 0)
        # -- end
        return epoch if free > 0 else None

    def enter(self, priority: int) -> "Permit | None":
        """A place that a call of this priority may use, if nobody waits who is as important (PR2, PR3)."""
        # -- straight line
        epoch = self.epoch
        first = self.head
        leave = first is None or first.priority > priority
        leave = leave and epoch.free + self.waiting > self.withheld * priority // LEAST
        epoch.free = epoch.free - leave
        # -- end
        return epoch if leave else None

    def enqueue(self, now: int, wake: "Callable[[], object]", caller: Caller = ANYBODY) -> "Ticket | None":
        """A place in the queue; None if it is full."""
        wait = self.options.wait_ns
        ticket = self.ticket(wake, NEVER if wait is None else now + wait, caller)
        if self.asks:
            self._rank(ticket)
        return ticket if self._join(ticket, now) else None

    def ticket(self, wake: "Callable[[], object]", end: int, caller: Caller) -> Ticket:
        """A ticket that is in no queue yet."""
        ticket = Ticket(wake, end)
        if self.asks:
            ticket.priority = caller.priority if self.options.shed_ppm else 0
            ticket.tenant = caller.tenant if self.options.fair else ""
        return ticket

    def _join(self, ticket: Ticket, now: int) -> bool:
        """Let it stand where its rank says, if there is room."""
        room = self.options.queue
        place = ticket.place
        joined = False
        while not joined:
            before, after = self._gap(ticket, place) if self.asks or place else (self.tail, None)
            if not place:
                alike = before is not None and (before.priority, before.round) == (ticket.priority, ticket.round)
                ticket.place = before.place + 1 if alike else 1  # type: ignore[union-attr]
            # -- straight line
            epoch = self.epoch
            if self.waiting >= room:
                return False
            if (self.head is after) if before is None else (before.next is after and before.status == WAITING):
                ticket.prev = before
                ticket.next = after
                if before is None:
                    self.head = ticket
                else:
                    before.next = ticket
                if after is None:
                    self.tail = ticket
                else:
                    after.prev = ticket
                self.waiting = self.waiting + 1
                epoch.free = epoch.free - 1
                joined = True
            # -- end
        try:
            self.hand_over()  # a place may have come free between the look and the queueing
        except BaseException:  # an interrupt: nobody would ever come for this ticket
            self.abandon(ticket, now)
            raise
        return True

    def _rank(self, ticket: Ticket) -> None:
        """Its round among those who wait (PR4)."""
        if self.options.fair:
            ticket.round = self.round + 1
            other = self.tail
            while other is not None:
                if other.tenant == ticket.tenant and other.priority == ticket.priority:
                    ticket.round = max(ticket.round, other.round + 1)
                    return  # its rounds rise from head to tail
                other = other.prev

    def _gap(self, ticket: Ticket, place: int = 0) -> "tuple[Ticket | None, Ticket | None]":
        """Between whom it belongs: behind all who are as important or more, but those of a later `place`."""
        rank = (ticket.priority, ticket.round, place or NEVER)
        before = self.tail
        after = None
        while before is not None and (before.priority, before.round, before.place) > rank:
            after = before
            before = before.prev
        return before, after

    def poll(self, ticket: Ticket, now: int) -> "Permit | Ticket | Refusal":
        """Look again: the permit, the ticket itself (still waiting), or a refusal once its time is over.

        A place that lies free although somebody waits, since an interrupt came between its return and its handing
        over, is handed over now."""
        if ticket.status == WAITING and now < ticket.end:
            self.hand_over()
        if ticket.status == GRANTED:
            permit: Permit = ticket.permit  # type: ignore[assignment]
            return permit
        if now < ticket.end:
            return ticket
        self.abandon(ticket, now)  # had another thread granted it just now, it is passed on
        self.tell(now, "wait_over")
        return Refusal(self.OVER)

    def settle(self, permit: "Any", now: int, verdict: int) -> None:
        """The call that held `permit` is over. Of an earlier epoch, it gives a place back where nobody looks."""
        # -- straight line
        permit.free = free = permit.free + 1
        # -- end
        if free <= self.withheld:
            self.hand_over()

    def hand_over(self) -> None:
        """Give the places that are free to those who wait."""
        while True:
            # -- straight line
            epoch = self.epoch
            ticket = self.head
            if ticket is None or epoch.free + self.waiting <= self.withheld * ticket.priority // LEAST:
                return
            self.waiting = self.waiting - 1
            self.round = ticket.round
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

    def rejoin(self, ticket: Ticket, now: int) -> None:
        """A call that waited when a snapshot was taken waits again, at its old place. Raises `SnapshotError` if there
        is no room."""
        if not self._join(ticket, now):
            raise SnapshotError(f"{self.options.KIND}: more calls wait than the options allow")

    def line(self) -> "dict[str, Any]":
        """What there is to save of the queue. Who waits is the host's affair: calls that wait are only counted."""
        return {"waiting": self.waiting, "round": self.round} if self.options.fair else {"waiting": self.waiting}

    def parse_line(self, read: Reader) -> int:
        """The round served last."""
        read.integer("waiting", most=self.options.queue)
        if self.waiting:
            read.refuse("calls are waiting here; nothing can be restored over them")
        return read.integer("round") if self.options.fair else 0

    def desert(self) -> None:
        """Nobody is inside or waits any more: the process has forked, and they stayed in the parent."""
        self.epoch = self.orphan()
        self.head = self.tail = None
        self.waiting = 0
