"""The strategies of the naive oracle: lists of what happened, and each question answered by counting them again."""

import math
from fractions import Fraction

from backstay_core.failure import GROUPS

MILLION = 1_000_000
RAISES = ["a predicate that raises"]


class Mistake(Exception):
    """What such a predicate raises."""


class Refusal:
    def __init__(self, reason, retry_after=None):
        self.reason, self.retry_after = reason, retry_after


class Strategy:
    def draws(self):
        return False

    def somebody_waits(self):
        return False

    def revive(self):
        pass

    def restored(self, now):
        pass


def ns(seconds):
    return math.floor(seconds * 10**9 + 0.5)


def millionths(number):
    return math.floor(number * MILLION + 0.5)


def listed(names):
    return [names] if isinstance(names, str) else names


def named(kind, on):
    """Does `on`, a list of kinds and groups, name this kind of failure?"""
    if on is RAISES:
        raise Mistake
    return any(kind in GROUPS.get(name, [name]) for name in listed(on))


def labelled(value, results):
    if results is RAISES:
        raise Mistake
    return value in listed(results)


class Timeout(Strategy):
    role = "bound"

    def __init__(self, options, seed):
        self.delay = ns(options["seconds"])


class Fallback(Strategy):
    role = "substitute"

    def __init__(self, options, seed):
        self.on = options.get("on")
        self.results = options.get("results", [])

    def answers(self, result):
        if not result.failed:
            return labelled(result.value, self.results)  # FB3
        return result.kind != "cancelled" if self.on is None else named(result.kind, self.on)  # FB1, FB2


class Ticket:
    def __init__(self, end, caller):
        self.until = self.end = end
        self.caller = caller
        self.permit = None
        self.wake = None


class Gate(Strategy):
    """A gate with a line of tickets before it, the first one first."""

    role = "gate"
    full = over = ""  # reasons of refusals

    def __init__(self, options, seed):
        self.limit = options["limit"]
        self.queue = options.get("queue", 0)
        self.longest = ns(options["wait"]) if "wait" in options else math.inf
        self.shed = millionths(options.get("shed", 0))
        self.fair = options.get("fair", False)
        self.line = []
        self.served = 0  # the round served last

    def kept_from(self, caller, places):
        return places * self.shed // MILLION * caller.priority // 4  # PR2

    def rank(self, caller):
        """The smaller goes first (PR3, PR4)."""
        priority = caller.priority if self.shed else 0
        alike = [t.rank[1] for t in self.line if t.caller.tenant == caller.tenant and t.rank[0] == priority]
        return (priority, max([self.served, *alike]) + 1 if self.fair else 0)

    def in_front(self, caller):
        return [ticket for ticket in self.line if ticket.rank <= self.rank(caller)]

    def line_up(self, ticket):
        ticket.rank = self.rank(ticket.caller)
        self.line.insert(len(self.in_front(ticket.caller)), ticket)

    def let_in(self, ticket):
        self.line.remove(ticket)
        self.served = ticket.rank[1]
        ticket.permit = object()

    def somebody_waits(self):
        return bool(self.line)


class Bulkhead(Gate):
    full, over = "BULKHEAD_FULL", "BULKHEAD_WAIT"

    def __init__(self, options, seed):
        super().__init__(options, seed)
        self.inside = []

    def has_room(self, caller):
        return len(self.inside) + 1 <= self.limit - self.kept_from(caller, self.limit)  # BH1

    def admit(self, now, may_wait, caller):
        if self.has_room(caller) and not self.in_front(caller):
            permit = object()
            self.inside.append(permit)
            return permit
        if not may_wait or len(self.line) >= self.queue:
            return Refusal(self.full)  # BH2
        ticket = Ticket(now + self.longest, caller)
        self.line_up(ticket)
        return ticket

    def look(self, ticket, now):
        if ticket.permit:
            return ticket.permit  # BH5
        if now >= ticket.end:
            self.line.remove(ticket)
            return Refusal(self.over)  # BH4
        return None

    def settle(self, permit, now, verdict):
        if permit in self.inside:  # BH7, BH8
            self.inside.remove(permit)
            self.hand_over()

    def hand_over(self):
        while self.line and self.has_room(self.line[0].caller):
            ticket = self.line[0]  # BH3
            self.let_in(ticket)
            self.inside.append(ticket.permit)
            ticket.wake()

    def abandon(self, ticket, now):
        if ticket in self.line:
            self.line.remove(ticket)  # BH6
        if ticket.permit:
            self.settle(ticket.permit, now, None)

    def judge(self, result, took):
        return None

    def revive(self):
        self.inside.clear()


class Budget:
    """RT9, RT10. Exact: every deposit, gain and withdrawal is replayed, in millionths, when a token is asked for."""

    def __init__(self, options):
        self.ratio = millionths(options.get("ratio", 0.1))
        self.per_second = millionths(options.get("per_second", 1.0))
        self.burst = millionths(options.get("burst", 10.0))
        self.history = []  # (time, change)

    def tokens(self, now):
        held, last = Fraction(self.burst), 0
        for at, change in [*self.history, (now, 0)]:
            held = min(self.burst, held + Fraction((at - last) * self.per_second, 10**9))
            held = min(self.burst, held + change)
            last = at
        return held

    def deposit(self, now):
        self.history.append((now, self.ratio))

    def take(self, now):
        if self.tokens(now) < MILLION:
            return False
        self.history.append((now, -MILLION))
        return True


class Run:
    def __init__(self, began, random):
        self.began, self.random, self.made, self.last = began, random, 0, 0


class Retry(Strategy):
    role = "driver"

    def __init__(self, options, seed):
        self.attempts = options.get("attempts", 3)
        self.on = options.get("on")
        self.results = options.get("results", [])
        self.idempotent = options.get("idempotent", False)
        self.backoff = options.get("backoff", "full_jitter")
        self.base = ns(options.get("base", 0.1))
        self.factor = millionths(options.get("factor", 2.0))
        self.cap = ns(options.get("cap", 10.0))
        self.total = ns(options["total"]) if "total" in options else math.inf
        self.pushback_cap = ns(options.get("pushback_cap", 60.0))
        self.budget = Budget(options["budget"]) if "budget" in options else None

    def draws(self):
        return self.base > 0 and self.backoff in ("full_jitter", "decorrelated")

    def enter(self, now, random):
        if self.budget:
            self.budget.deposit(now)
        return Run(now, random)

    def again(self, run, result, now, deadline):
        """The pause before the next attempt, or None to give up."""
        run.made += 1
        if not self.wants(result) or run.made >= self.attempts:
            return None  # RT1
        asked = result.retry_after if result.failed and result.retry_after else 0
        if asked < 0:
            return None  # RT7
        run.last = self.pause(run)
        pause = asked + run.last
        if asked > self.pushback_cap:
            return None  # RT7
        if now + pause >= deadline or now + pause >= run.began + self.total:
            return None  # RT8
        if self.budget and not self.budget.take(now):
            return None  # RT9
        return pause

    def wants(self, result):
        if not result.failed:
            return labelled(result.value, self.results)  # RT5
        if result.own and result.kind == "rejected":
            return False  # RT4
        if self.on is not None:
            return named(result.kind, self.on) or (result.kind == "timeout" and self.idempotent)  # RT3
        return result.retry in ("same", "later", "elsewhere") and (result.executed == "no" or self.idempotent)  # RT2

    def pause(self, run):
        """RT6, RT11."""
        if self.backoff == "constant":
            return min(self.base, self.cap)
        if self.backoff == "linear":
            return min(run.made * self.base, self.cap)
        if self.backoff == "decorrelated":
            most = max(self.base, 3 * (run.last or self.base))
            return min(self.base + run.random.below(most - self.base + 1), self.cap)
        longest = self.base
        for _ in range(run.made - 1):
            longest = longest * self.factor // MILLION
        longest = min(longest, self.cap)
        return longest if self.backoff == "exponential" else run.random.below(longest + 1)


class Inject(Strategy):
    role = "fault"

    def __init__(self, options, seed):
        self.fault = options.get("fault", "error")
        self.on = options.get("enabled", False)
        self.rate = millionths(options.get("rate", 1.0))
        self.every = options.get("every", 1)
        self.failure = options.get("failure", "unavailable")
        self.lasts = ns(options.get("seconds", 1.0))
        self.entered = 0

    def strikes(self, random):
        """`random` gives the call's next number (IN9)."""
        if not self.on:
            return False  # IN1
        self.entered += 1
        if self.entered % self.every:
            return False
        if self.rate in (0, MILLION):
            return self.rate > 0
        return random().below(MILLION) < self.rate  # IN2

    def draws(self):
        return self.on and 0 < self.rate < MILLION

    def enable(self, now):
        self.on = True

    def disable(self, now):
        self.on = False


class Hedge(Strategy):
    role = "race"

    def __init__(self, options, seed):
        self.after = ns(options["after"])
        self.attempts = options.get("attempts", 2)
        self.idempotent = options.get("idempotent", False)
        self.results = options.get("results", [])
        self.quantile = millionths(options["quantile"]) if "quantile" in options else None
        self.window = options.get("window", 100)
        self.minimum = options.get("minimum", min(10, self.window))
        self.budget = Budget(options["budget"]) if "budget" in options else None
        self.durations = []

    def enter(self, now, deposited):
        if self.budget and not deposited:
            self.budget.deposit(now)  # HG7

    def may(self, now):
        return self.budget is None or self.budget.take(now)

    def refuses(self, value):
        return labelled(value, self.results)

    def delay(self):
        known = sorted(self.durations[-self.window :])
        if self.quantile is None or len(known) < self.minimum:
            return self.after
        return next(
            one for one in known if sum(other <= one for other in known) * MILLION >= self.quantile * len(known)
        )  # HG8

    def remember(self, took):
        self.durations.append(took)


class Cache(Strategy):
    role = "lookup"

    def __init__(self, options, seed):
        self.stale = options.get("stale_for", 0)
        self.on = options.get("on")

    def goes_on(self, result):
        return True  # CA2

    def asks(self, result):
        if not self.stale:
            return False
        return result.kind != "cancelled" if self.on is None else named(result.kind, self.on)  # CA3


class Idempotency(Strategy):
    role = "lookup"

    def __init__(self, options, seed):
        pass

    def goes_on(self, result):
        return result.kind == "missing"  # ID2

    def asks(self, result):
        return False
