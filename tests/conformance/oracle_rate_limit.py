"""The naive oracle's rate limit: it keeps every call that was ever let in, and looks for the next turn by trying."""

from fractions import Fraction

from tests.conformance.oracle_strategies import MILLION, Gate, Refusal, Ticket, millionths, named, ns


class RateLimit(Gate):
    full, over = "RATE_LIMITED", "RATE_LIMIT_WAIT"

    def __init__(self, options, seed):
        super().__init__(options, seed)
        self.per = ns(options.get("per", 1.0))
        self.way = options.get("algorithm", "token_bucket")
        self.burst = 1 if self.way == "leaky_bucket" else options.get("burst", self.limit)
        self.decrease = millionths(options["decrease"]) if "decrease" in options else None
        self.floor = millionths(options.get("floor", 0.05))
        self.recovery = ns(options.get("recovery", 60.0))
        self.pushback_cap = ns(options.get("pushback_cap", 60.0))
        self.on = options.get("on", "throttle")
        self.entered = []  # (time, tokens taken), and (time, "emptied")
        self.pushed = (0, MILLION)  # when the limit was last changed, and to which share
        self.shut = 0  # until then
        self.epoch = []  # permits given since the last pushback

    # -- what applies

    def limit_at(self, now):
        return max(1, self.limit * self.share_at(now) // MILLION)

    def share_at(self, now):
        since, share = self.pushed
        return min(MILLION, share + (now - since) * MILLION // self.recovery)  # RL10

    def tokens(self, now, entered):
        held, last = Fraction(self.burst), -(10**30)
        for at, change in [*entered, (now, 0)]:
            held = min(Fraction(self.burst), held + Fraction((at - last) * self.limit, self.per))
            held = min(held, Fraction(1)) if change == "emptied" else held - change
            last = at
        return held

    def can_enter(self, now, entered, limit, caller):
        if self.way in ("token_bucket", "leaky_bucket"):
            return self.tokens(now, entered) >= 1 + self.kept_from(caller, self.burst)  # RL1, RL2
        times = [at for at, change in entered if change != "emptied"]
        window = now // self.per
        these = sum(at // self.per == window for at in times)
        if self.way == "fixed_window":
            counted = Fraction(these)  # RL3
        elif self.way == "sliding_window":
            before = sum(at // self.per == window - 1 for at in times)
            counted = these + before * (1 - Fraction(now % self.per, self.per))  # RL4
        else:
            counted = Fraction(sum(now - self.per < at for at in times))  # RL5
        return counted + 1 <= limit - self.kept_from(caller, limit)

    def turn_of(self, now, caller, ahead):
        """When it is his turn, if nothing changes and those in front are like him."""
        entered, limit, turn = list(self.entered), self.limit_at(now), max(now, self.shut)
        for _ in range(ahead + 1):
            early, late = turn - 1, turn
            while not self.can_enter(late, entered, limit, caller):
                early, late = late, late + max(1, late - turn) * 2
            while late - early > 1:
                middle = (early + late) // 2
                if self.can_enter(middle, entered, limit, caller):
                    late = middle
                else:
                    early = middle
            turn = late
            entered.append((turn, self.price(limit)))
        return turn

    def price(self, limit):
        return Fraction(self.per * self.limit // limit, self.per)

    # -- what happens

    def enters(self, now, caller):
        limit = self.limit_at(now)
        if now < self.shut or not self.can_enter(now, self.entered, limit, caller):
            return False
        self.entered.append((now, self.price(limit)))
        return True

    def permit(self):
        self.epoch.append(object())
        return self.epoch[-1]

    def admit(self, now, may_wait, caller):
        self.take_turns(now, None)
        if not self.in_front(caller) and self.enters(now, caller):
            return self.permit()
        turn = self.turn_of(now, caller, len(self.in_front(caller)))
        if not may_wait or len(self.line) >= self.queue or turn > now + self.longest:
            return Refusal(self.full, turn - now)  # RL6
        ticket = Ticket(now + self.longest, caller)
        ticket.until = turn
        self.line_up(ticket)
        return ticket

    def look(self, ticket, now):
        if not ticket.permit:
            self.take_turns(now, ticket)
        if ticket.permit:
            return ticket.permit  # RL7
        turn = self.turn_of(now, ticket.caller, self.line.index(ticket))
        if now < ticket.end:
            ticket.until = turn
            return None
        self.abandon(ticket, now)
        return Refusal(self.over, turn - now)

    def take_turns(self, now, mine):
        gone = False
        while self.line and self.enters(now, self.line[0].caller):
            self.pass_on(mine)
            gone = True
        if gone and self.line and self.line[0] is not mine:
            self.line[0].wake()

    def pass_on(self, mine=None):
        if self.line:
            ticket = self.line[0]
            self.let_in(ticket)
            ticket.permit = self.permit()
            if ticket is not mine:
                ticket.wake()

    def abandon(self, ticket, now):
        first = self.line[:1] == [ticket]
        if ticket in self.line:
            self.line.remove(ticket)
        if ticket.permit:
            self.pass_on()
        if self.line and (first or ticket.permit):
            self.line[0].wake()  # RL8

    def judge(self, result, took):
        if self.decrease is None or not result.failed or result.kind in ("cancelled", "rejected"):
            return None
        if not named(result.kind, self.on):
            return None
        return min(max(0, result.retry_after or 0), self.pushback_cap)

    def settle(self, permit, now, verdict):
        if verdict is None or permit not in self.epoch:
            return
        self.epoch = []
        self.pushed = (now, max(self.share_at(now) * self.decrease // MILLION, self.floor))  # RL9
        self.shut = now + verdict  # RL11
        self.entered.append((self.shut, "emptied"))

    def revive(self):
        self.epoch = []  # RL12
