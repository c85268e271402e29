"""Rate limit: so many calls in so much time, and no more than the server is willing to take.

Rules:

RL1   *token_bucket*: the bucket starts with `burst` tokens (default: `limit`) and gains one every `per` / `limit`, up
      to `burst`. A call takes one; without one it does not enter.
RL2   *leaky_bucket*: calls enter one by one, at least `per` / `limit` apart.
RL3   *fixed_window*: of the calls that begin in one period, at most `limit` enter; periods are the multiples of `per`
      on the clock.
RL4   *sliding_window*: a call enters if the calls of its period, it included, and those of the period before, as far as
      it is less than `per` ago (counted as if they had come evenly), are at most `limit`.
RL5   *sliding_log*: of all the times of length `per`, open at the end, none sees more than `limit` calls enter.
RL6   A call that cannot enter yet waits if fewer than `queue` are waiting and if its turn comes within `wait`, else it
      is refused and told when it would have been its turn. Turns come in the order of coming; while somebody waits
      nobody else enters; whoever comes to be the first who waits looks anew when his turn will be. (With `shed` and
      `fair` the rules PR2 to PR4 of `priority` say who is first.)
RL7   A call that has waited for `wait`, or until its caller's deadline, is refused. A Timeout that runs out while the
      call waits fires. A turn that comes in the same instant is taken.
RL8   A call that is abandoned while it waits gives up its turn to the one behind it.
RL9   With `decrease`, pushback multiplies the limit by it, down to the share `floor` (and at least to one call): so
      many calls in a period, or so many more tokens for each. It empties a bucket to one token. Pushback is a failure
      of kind *throttle*, or what `on` names, of a call that was let in after the last pushback.
RL10  From then on the limit grows again, evenly, from nothing to all in `recovery`.
RL11  After pushback nobody enters before the time that the server asked for, of which `pushback_cap` counts at most.
RL12  A call that was let in before the state was revived pushes nothing back.

Token bucket and leaky bucket are the generic cell rate algorithm (ITU-T I.371); the sliding window is the estimate of
two counters that web gateways use. How each counts is in `pacing`.
"""

from backstay_core.failure import NEUTRAL, NEVER, ConfigurationError, Failure
from backstay_core.options import PPM, Field, Options
from backstay_core.state import Reader
from backstay_core.strategies.contract import GATE, GRANTED, Permit, Refusal, Ticket
from backstay_core.strategies.pacing import LEAKY_BUCKET, TOKEN_BUCKET, WAYS
from backstay_core.strategies.priority import ANYBODY, FAIR, LEAST, SHED, Caller, withheld
from backstay_core.strategies.queue import QUEUE, WAIT, Queue, Room

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class RateLimit(Options):
    """Options of a rate limit: `limit` calls in `per` seconds."""

    KIND = "rate_limit"
    ROLE = GATE
    FIELDS = (
        Field("limit", "count", "calls in a period", least=1, most=1_000_000),
        Field("per", "seconds", "the period", least=1e-6, most=31_622_400),
        Field("algorithm", "choice", "how calls are counted", choices=tuple(WAYS)),
        Field("burst", "count", "tokens that find room in the bucket (default: limit)", least=1, most=1_000_000,
              optional=True),
        QUEUE,
        WAIT,
        SHED,
        FAIR,
        Field("decrease", "ratio", "factor on the limit when the server pushes back (default: it is not heard)",
              least=0, most=0.999999, optional=True),
        Field("floor", "ratio", "share of the limit that pushback leaves at least", least=1e-6, most=1),
        Field("recovery", "seconds", "how long the limit takes to grow from nothing to all", least=1e-6),
        Field("pushback_cap", "seconds", "longest pause a server may ask for", least=0),
        Field("on", "failures", "which failures are pushback (default: kind throttle)", optional=True),
    )  # fmt: skip

    limit: int
    per_ns: int
    algorithm: str
    room: int  # in the bucket
    queue: int
    wait_ns: "int | None"
    shed_ppm: int
    fair: bool
    decrease_ppm: "int | None"
    floor_ppm: int
    recovery_ns: int
    pushback_cap_ns: int
    on_matches: "Any"

    def __init__(
        self,
        limit: int,
        per: float = 1.0,
        *,
        algorithm: str = TOKEN_BUCKET,
        burst: "int | None" = None,
        queue: int = 0,
        wait: "float | None" = None,
        shed: float = 0.0,
        fair: bool = False,
        decrease: "float | None" = None,
        floor: float = 0.05,
        recovery: float = 60.0,
        pushback_cap: float = 60.0,
        on: "Any" = None,
    ) -> None:
        self._set(
            limit=limit,
            per=per,
            algorithm=algorithm,
            burst=burst,
            queue=queue,
            wait=wait,
            shed=shed,
            fair=fair,
            decrease=decrease,
            floor=floor,
            recovery=recovery,
            pushback_cap=pushback_cap,
            on=on,
        )
        if burst is not None and algorithm != TOKEN_BUCKET:
            raise ConfigurationError(f"RateLimit(burst=…) is for the token_bucket; {algorithm} has none")
        if on is not None and decrease is None:
            raise ConfigurationError("RateLimit(on=…) says what is pushback, which nobody hears without decrease=…")
        if shed and algorithm == LEAKY_BUCKET:
            raise ConfigurationError("RateLimit(shed=…) withholds tokens of a bucket; leaky_bucket has but one")
        self._derive(room=1 if algorithm == LEAKY_BUCKET else limit if burst is None else burst)

    def state(self, seed: int = 0) -> "Pace":
        """A fresh state with these options; `seed` is not used: nothing is drawn."""
        return Pace(self)


class Pace(Queue):
    """The state of one rate limit.

    Nobody gives a place back here: places come with time, so ``free`` is minus the number of those who wait, but for
    the moment between a turn that is taken and its handing over.
    """

    __slots__ = ("hears_failures", "share", "shut", "since", "way")
    hears_values = False
    FULL = "RATE_LIMITED"
    OVER = "RATE_LIMIT_WAIT"
    options: RateLimit

    def __init__(self, options: RateLimit) -> None:
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
        ticket = Ticket(nobody, NEVER)
        self._rank(ticket, caller)
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

    def rejoin(self, now: int, wake: "Callable[[], object]", end: int, caller: Caller = ANYBODY) -> Ticket:
        ticket = super().rejoin(now, wake, end, caller)
        limit = self.limit(now)
        at = self.way.when(max(now, self.shut), limit, self.kept(limit, ticket.priority), _length(ticket.prev))
        ticket.until = min(at, end)
        return ticket

    def body(self, now: int) -> "dict[str, Any]":
        """Who waits is the host's affair: waiting calls are counted, not saved."""
        body = {"waiting": self.waiting, "share": self.share_at(now), "shut": max(0, self.shut - now)}
        body.update(self.way.body(now))
        return body

    def parse(self, read: Reader, now: int) -> "Any":
        then = now - read.elapsed
        share = read.integer("share", least=1, most=PPM)
        shut = read.integer("shut")
        read.integer("waiting", most=self.options.queue)
        way = self.way.load(read, then)
        if self.waiting:
            read.refuse("calls are waiting here; nothing can be restored over them")
        return share, then, then + shut if shut else -1, way, Room(0) if read.revive else self.epoch  # RL12

    def adopt(self, parsed: "Any") -> None:
        self.share, self.since, self.shut, way, self.epoch = parsed
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
