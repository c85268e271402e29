"""The state of a rate limit: whose turn it is, and what the server has pushed back. Its rules are in `rate_limit`.

Everything that changes the state of a rate limit is in this file, but for the counting, which is in `pacing`.
"""

from backstay_core.failure import NEUTRAL, NEVER, Failure
from backstay_core.options import PPM
from backstay_core.state import Reader
from backstay_core.strategies.contract import GRANTED, Permit, Refusal, Ticket
from backstay_core.strategies.pacing import TOKEN_BUCKET, WAYS
from backstay_core.strategies.priority import ANYBODY, LEAST, Caller, withheld
from backstay_core.strategies.queue import Queue, Room

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay_core.strategies.rate_limit import RateLimit


class Pace(Queue):
    """The state of one rate limit.

    Nobody gives a place back here: places come with time, so ``free`` is minus the number of those who wait, but for
    the moment between a turn that is taken and its handing over.
    """

    __slots__ = ("hears_failures", "share", "shut", "since", "way")
    hears_values = False
    FULL = "RATE_LIMITED"
    OVER = "RATE_LIMIT_WAIT"
    options: "RateLimit"

    def __init__(self, options: "RateLimit") -> None:
        super().__init__(options)
        self.hears_failures = options.decrease_ppm is not None
        self.way: "Any" = WAYS[options.algorithm](options.limit, options.per_ns, options.room)
        self.share = PPM  # of the limit that applied at `since`
        self.since = 0
        self.shut = -1  # nobody enters before that

    def places(self) -> int:
        return 0

    def limit(self, now: int) -> int:
        """The limit that applies now (RL9, RL10)."""
        return max(1, self.options.limit * self.share_at(now) // PPM)

    def share_at(self, now: int) -> int:
        """The share of the limit that applies now, in millionths."""
        if self.share >= PPM:
            return PPM
        return min(PPM, self.share + max(0, now - self.since) * PPM // self.options.recovery_ns)

    def kept(self, limit: int, priority: int) -> int:
        """What a call of this priority may not use (PR2)."""
        options = self.options
        if not options.shed_ppm:
            return 0
        places = options.room if options.algorithm == TOKEN_BUCKET else limit
        return withheld(options, places) * priority // LEAST

    def admit(
        self, now: int, wake: "Callable[[], object] | None" = None, caller: Caller = ANYBODY
    ) -> "Permit | Ticket | Refusal":
        permit = self.let_in(now, caller)
        if permit is not None:
            return permit
        limit = self.limit(now)
        kept = self.kept(limit, caller.priority)
        at = self.way.when(max(now, self.shut), limit, kept, self._in_front(caller))
        wait = self.options.wait_ns
        if wake is not None and at <= (NEVER if wait is None else now + wait):
            ticket = self.enqueue(now, wake, caller)
            if ticket is not None:
                ticket.until = at
                return ticket
        self.tell(now, "refused")
        return Refusal(self.FULL, at - now)

    def let_in(self, now: int, caller: Caller = ANYBODY) -> "Permit | None":
        """Let a call in at once, if it can be and nobody waits who is as important (RL6, PR3)."""
        if self.head is not None:
            self.turn(now)
        limit = self.limit(now)
        first = self.head
        if first is not None and not (self.options.shed_ppm and caller.priority < first.priority):
            return None
        if now < self.shut or not self.way.take(now, limit, self.kept(limit, caller.priority)):
            return None
        permit: Permit = self.epoch
        return permit

    def _in_front(self, caller: Caller) -> int:
        """How many would stand in front of this caller if he waited."""
        if not self.asks or self.head is None:
            return self.waiting
        ticket = self.ticket(nobody, NEVER, caller)
        self._rank(ticket)
        before, _ = self._gap(ticket)
        return _length(before)

    def poll(self, ticket: Ticket, now: int) -> "Permit | Ticket | Refusal":
        """Look again: the permit, the ticket with the time of its turn, or a refusal once its time is over."""
        wake = ticket.wake
        ticket.wake = nobody  # he is here
        self.turn(now, ticket)
        ticket.wake = wake
        if ticket.status == GRANTED:
            permit: Permit = ticket.permit  # type: ignore[assignment]
            return permit
        limit = self.limit(now)
        kept = self.kept(limit, ticket.priority)
        at = self.way.when(max(now, self.shut), limit, kept, _length(ticket.prev))
        if now < ticket.end:
            ticket.until = min(at, ticket.end)
            return ticket
        self.abandon(ticket, now)
        self.tell(now, "wait_over")
        return Refusal(self.OVER, at - now)

    def turn(self, now: int, mine: "Ticket | None" = None) -> None:
        """Let those in whose turn has come, and tell who is then the first to look when his will be (RL6)."""
        moved = False
        ticket = self.head
        while ticket is not None and now >= self.shut:
            limit = self.limit(now)
            if not self.way.take(now, limit, self.kept(limit, ticket.priority)):
                break
            self._pass_on()
            moved = True
            ticket = self.head
        if moved and ticket is not mine:
            self._nudge()

    def _pass_on(self) -> None:
        """A turn that is taken goes to the first who waits; it is lost if there is nobody."""
        # -- straight line
        epoch = self.epoch
        epoch.free = epoch.free + 1
        # -- end
        self.hand_over()
        # -- straight line
        epoch = self.epoch
        epoch.free = free if (free := epoch.free) < 0 else 0
        # -- end

    def _nudge(self) -> None:
        ticket = self.head
        if ticket is not None:
            try:
                ticket.wake()
            except Exception:  # its loop is closed: it will never look
                self.abandon(ticket, 0)

    def judge(self, failure: Failure, took: int) -> int:
        """The verdict on a call that failed: NEUTRAL, or −1 − the pause that the server asks for (RL9, RL11)."""
        options = self.options
        if options.decrease_ppm is None or failure.kind == "cancelled" or failure.kind == "rejected":
            return NEUTRAL
        matcher = options.on_matches
        if not (failure.kind == "throttle" if matcher is None else matcher.matches(failure)):
            return NEUTRAL
        return -1 - min(max(0, failure.retry_after or 0), options.pushback_cap_ns)

    def judge_value(self, value: "Any", took: int, late: bool) -> int:
        return NEUTRAL

    def settle(self, permit: "Any", now: int, verdict: int) -> None:
        """The call that held `permit` is over; its turn is used up, whatever came of it."""
        if verdict >= 0 or permit is not self.epoch:
            return
        options = self.options
        share = max(self.share_at(now) * (options.decrease_ppm or 0) // PPM, options.floor_ppm)
        shut = now - 1 - verdict
        fresh = Room(0)
        # -- straight line
        if permit is not self.epoch:
            return
        fresh.free = permit.free
        self.epoch = fresh
        self.share = share
        self.since = now
        self.shut = shut
        # -- end
        self.way.empty(shut)
        self.tell(now, "pushback", self.limit(now))

    def abandon(self, ticket: Ticket, now: int) -> None:
        """Stop waiting, or pass a turn on that was given to somebody who has left (RL8). Safe to repeat."""
        first = self.head is ticket
        granted = ticket.status == GRANTED
        super().abandon(ticket, now)
        if granted:
            self._pass_on()
        if first or granted:
            self._nudge()

    def body(self, now: int) -> "dict[str, Any]":
        whole = self.share_at(now) >= PPM
        body = dict(
            self.line(),
            share=PPM if whole else self.share,
            age=0 if whole else max(0, now - self.since),
            shut=max(0, self.shut - now),
        )
        body.update(self.way.body(now))
        return body

    def parse(self, read: Reader, now: int) -> "Any":
        then = now - read.elapsed
        share = read.integer("share", least=1, most=PPM)
        since = then - read.integer("age")
        shut = read.integer("shut")
        line = self.parse_line(read)
        way = self.way.load(read, then)
        epoch = Room(0) if read.revive else self.epoch  # RL12
        return share, since, then + shut if shut else -1, way, line, epoch

    def adopt(self, parsed: "Any") -> None:
        self.share, self.since, self.shut, way, self.round, self.epoch = parsed
        self.way.adopt(way)


def nobody() -> None:
    """Whom to wake where nobody sleeps."""


def _length(ticket: "Ticket | None") -> int:
    """How many stand in a queue up to this ticket."""
    count = 0
    while ticket is not None:
        count += 1
        ticket = ticket.prev
    return count
