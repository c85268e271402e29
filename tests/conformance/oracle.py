"""A naive oracle: what the numbered rules say should happen to a vector's calls.

It was written from the rules in the docstrings of `backstay_core` and shares with it nothing but the table of
failures and the random generator. A call is a generator that walks through the policy as a person would tell it; the
strategies keep lists of what happened. Nothing is fast, nothing is clever.
"""

from typing import Any, NamedTuple

from backstay_core.rng import stream
from tests.conformance import oracle_strategies as strategies
from tests.conformance.oracle_world import Outcome, Policy, World, make, ns, read_outcome

FOREVER = float("inf")
PRIORITIES = ("critical", "high", "normal", "low", "background")


class Caller(NamedTuple):
    priority: int
    tenant: str


class Leave(Exception):
    """Leave everything inside the Timeout at `position`; None: the caller has gone."""

    def __init__(self, position):
        self.position = position


class Call:
    def __init__(self, written, policy, world, interruptible):
        self.policy, self.world, self.interruptible = policy, world, interruptible
        self.attempts = written.get("attempts", [[0, "ok"]])
        self.substitutes = written.get("substitutes", [[0, "substitute"]])
        self.begun = {"attempt": 0, "substitute": 0}
        self.may_wait = written.get("queue", True)
        self.caller_is = Caller(PRIORITIES.index(written.get("priority", "normal")), written.get("tenant", ""))
        self.caller = ns(written["deadline"]) if "deadline" in written else FOREVER
        self.ends = []  # (position, end) of the Timeouts it is in, outermost first
        self.operations = []
        self.operation = None  # the one that is running
        self.until = None
        self.lanes = []  # attempts beside each other that are outstanding, while it is in a Hedge
        self.root = self
        self.running = []  # all operations that are outstanding
        self.several = False  # have there been two at once?
        self.at_once = []  # (operation, outcome) of those that take no time, beside others
        self.heard = 0  # the latest time
        self.trace = []
        self.salt = 0
        self.streams = {}  # of the faults, by position
        self.life: Any = None  # the generator, once it has begun
        self.over = False

    @property
    def now(self):
        return self.heard

    # -- what the world tells it ---------------------------------------------------------------------------------------

    def start(self, reads=None):
        self.hear(reads)
        if self.life is None:
            self.life = self.live()
            self.go_on(next, self.life)

    def outcome(self, operation, outcome, reads=None):
        self.hear(reads)
        if operation is not None and operation in self.running and not self.over:  # EX1
            self.running.remove(operation)
            self.go_on(self.life.send, (operation, outcome))

    def wake(self, reads=None):
        if self.running and not self.interruptible:
            return
        self.hear(reads)
        if self.life is None or self.over:
            return
        position = self.run_out()
        if position is not None:
            self.go_on(self.life.throw, Leave(position))
        elif self.operation is None:
            self.go_on(self.life.send, None)  # it waits, or is in a Hedge

    def abort(self, reads=None):
        self.hear(reads)
        if self.life is None:
            self.life = self.live()  # it will never begin
            self.over = True
        elif not self.over:
            self.note("aborted")
            self.go_on(self.life.throw, Leave(None))

    def stray(self, written):
        reads = ns(written["reads"]) if "reads" in written else None
        if written["send"] == "outcome":
            number = written["operation"]
            operation = self.operations[number - 1] if number <= len(self.operations) else None
            self.outcome(operation, read_outcome(written["outcome"]), reads)
        else:
            getattr(self, written["send"])(reads)

    def hear(self, reads):
        self.heard = max(self.heard, self.world.now if reads is None else reads)  # EX4

    def go_on(self, step, argument):
        try:
            step(argument)
        except (StopIteration, Leave):
            self.over = True
        except strategies.Mistake:
            self.over = True
            self.note("fail", "programming", "")  # EX5
        ended, self.at_once = self.at_once, []
        for operation, outcome in ended:
            self.outcome(operation, outcome)

    def ask_for_wake(self, until):
        self.note("wait", None if until == FOREVER else until)
        if until < FOREVER:
            self.world.at(until, self.wake)

    # -- its life ------------------------------------------------------------------------------------------------------

    def note(self, *entry):
        self.trace.append([self.world.now, *entry])

    def live(self):
        self.number = self.policy.begun
        self.policy.begun += any(part.draws() for part in self.policy.parts)  # PO3
        bounded = any(part.role == "bound" for part in self.policy.parts)
        if bounded and self.now >= self.caller:
            result = Outcome(kind="rejected", reason="NO_TIME", own=True)  # TO6
        else:
            result = yield from self.enter(0)
        if not result.failed:
            self.note("complete", result.value)
        elif result.retry_after is None:
            self.note("fail", result.kind, result.reason)
        else:
            self.note("fail", result.kind, result.reason, result.retry_after)

    def enter(self, position):
        if position == len(self.policy.parts):
            return (yield from self.attempt())
        part = self.policy.parts[position]
        return (yield from getattr(self, part.role)(part, position))

    def attempt(self):
        position = self.run_out()
        if position is not None:
            raise Leave(position)  # TO5
        return (yield from self.operate("attempt"))

    def operate(self, what, *more):
        self.note(what, *more)
        script = self.attempts if what == "attempt" else self.substitutes
        took, written = script[min(self.begun[what], len(script) - 1)]
        self.begun[what] += 1
        root = self.root
        operation, outcome = object(), read_outcome(written)
        root.operations.append(operation)
        if took == 0 and root is self:
            return outcome
        self.operation = operation
        root.running.append(operation)
        root.several = root.several or len(root.running) > 1
        if took == 0:
            root.at_once.append((operation, outcome))
        else:
            self.world.at(self.world.now + ns(took), root.outcome, operation, outcome)
            if self.deadline() < FOREVER and self.interruptible:
                self.world.at(self.deadline(), root.wake)
        try:
            outcome = (yield)[1]
        except Leave:
            root.running.remove(operation)
            self.note("cancel", *([root.operations.index(operation) + 1] if root.several else []))
            raise
        finally:
            self.operation = None
        return outcome

    def run_out(self):
        """The position of the outermost Timeout whose time is over (TO3)."""
        for position, end in self.ends:
            if self.now >= end:
                return position
        return None

    def deadline(self):
        return min([self.caller] + [end for _, end in self.ends])

    # -- the roles -----------------------------------------------------------------------------------------------------

    def bound(self, part, position):
        end = self.now + part.delay
        fires = end < self.deadline()  # TO2, TO6
        if fires:
            self.ends.append((position, end))
        try:
            result = yield from self.enter(position + 1)
        except Leave as leave:
            if leave.position != position:
                raise
            return Outcome(kind="timeout", reason="TIMED_OUT", own=True)  # TO1
        finally:
            if fires:
                self.ends.pop()
        result.late = result.late or self.now >= end
        return result  # TO4

    def substitute(self, part, position):
        result = yield from self.enter(position + 1)
        if part.answers(result):
            return (yield from self.operate("substitute", position))  # FB4, FB5
        return result

    def lookup(self, part, position):
        found = yield from self.operate("substitute", position)
        if not found.failed or not part.goes_on(found):
            return found  # CA1, ID1, ID2
        if self.run_out() is not None:
            raise Leave(self.run_out())  # CA4, ID3
        result = yield from self.enter(position + 1)
        if not result.failed or not part.asks(result):
            return result
        stale = yield from self.operate("substitute", position)
        return result if stale.failed else stale  # CA3

    def fault(self, part, position):
        if not part.strikes(lambda: self.streams.setdefault(position, self.stream(position))):
            return (yield from self.enter(position + 1))
        if part.fault == "outcome":
            return (yield from self.operate("substitute", position))  # IN5
        if part.fault in ("latency", "hang"):
            until = self.now + part.lasts
            ends = [end for _, end in self.ends if end < until]
            self.ask_for_wake(min([until, *ends]))
            while self.now < until:
                yield  # IN7
        if part.fault == "latency":
            return (yield from self.enter(position + 1))  # IN4
        return Outcome(kind=part.failure, reason="INJECTED", own=True)  # IN3, IN6

    def stream(self, position):
        return stream(self.policy.seed, self.number, position + self.salt)

    def gate(self, part, position):
        answer = part.admit(self.now, self.may_wait, self.caller_is)
        if isinstance(answer, strategies.Ticket):
            answer = yield from self.wait(part, answer)
        if isinstance(answer, strategies.Refusal):
            return Outcome(kind="rejected", reason=answer.reason, retry_after=answer.retry_after, own=True)
        began = self.now
        try:
            result = yield from self.enter(position + 1)
            verdict = part.judge(result, self.now - began)
        except (Leave, strategies.Mistake):
            part.settle(answer, self.now, None)  # EX3, EX5
            raise
        part.settle(answer, self.now, verdict)  # EX2
        return result

    def wait(self, part, ticket):
        ticket.wake = lambda: self.world.at(self.world.now, self.root.wake)
        ticket.end = min(ticket.end, self.deadline())  # BH4
        told = -1
        while True:
            until = min(ticket.until, ticket.end)
            if until != told:
                self.ask_for_wake(until)
            told = until
            try:
                yield
            except Leave:
                part.abandon(ticket, self.now)  # BH6
                raise
            answer = part.look(ticket, self.now)
            if answer is not None:
                return answer

    def driver(self, part, position):
        run = part.enter(self.now, self.stream(position))
        while True:
            result = yield from self.enter(position + 1)
            pause = part.again(run, result, self.now, self.deadline())
            if pause is None:
                return result  # RT12
            if pause:
                until = self.now + pause
                self.ask_for_wake(until)
                while self.now < until:
                    yield

    def race(self, part, position):
        """Attempts beside each other. An event wakes this generator, which hands it on to the lanes."""
        around = self.policy.parts[:position]
        part.enter(self.now, any(getattr(outer, "budget", None) is part.budget for outer in around))
        begun, following, announced, kept, event = 0, self.now, None, None, None
        try:
            while True:
                for lane in list(self.lanes):
                    lane.hand_on(event)
                    if lane.result:
                        kept = self.finished(lane, part, kept)
                        if lane.won or not self.lanes:
                            return kept
                if event is None and self.now >= following:
                    following, announced = FOREVER, None
                    if not begun or part.may(self.now):  # HG7
                        begun += 1
                        lane = Lane(self, position, begun - 1)
                        self.lanes.append(lane)
                        then = self.now + part.delay()
                        if part.idempotent and begun < part.attempts and then < self.deadline():
                            following = then  # HG1, HG6, HG9
                        lane.begin()
                        if lane.result:
                            kept = self.finished(lane, part, kept)
                            if lane.won or not self.lanes:
                                return kept
                times = [lane.until for lane in self.lanes if lane.until is not None]
                first = min([following, *times])
                again = any(lane.asks for lane in self.lanes)
                for lane in self.lanes:
                    lane.asks = False
                if not times and first == FOREVER:
                    announced = self.until = None
                elif again or first != announced:
                    self.ask_for_wake(first)
                    announced = first
                event = yield
        finally:
            for lane in self.lanes:
                lane.leave()  # HG2, HG4
            self.lanes = []

    def finished(self, lane, part, kept):
        """An attempt is over: what would come out now."""
        self.lanes.remove(lane)
        lane.won = not lane.result.failed and not part.refuses(lane.result.value)
        if lane.won:
            for one in [lane, *self.lanes]:
                part.remember(self.now - one.since)  # HG8
        if lane.won or kept is None or kept.failed:
            return lane.result  # HG2, HG3
        return kept


class Lane(Call):
    """One attempt of a Hedge: a call of its own for what is inside (HG5)."""

    def __init__(self, call, position, number):
        vars(self).update(vars(call))
        self.position, self.salt = position, call.salt + 65536 * number
        self.ends, self.lanes, self.streams = list(call.ends), [], {}
        self.operation, self.result, self.until = None, None, None
        self.won = self.asks = self.gone = False
        self.since = call.now

    @property
    def now(self):
        return self.root.heard

    def begin(self):
        self.life = self.enter(self.position + 1)
        self.go(next, self.life)

    def go(self, step, argument):
        try:
            step(argument)
        except StopIteration as end:
            self.result = end.value
        except (Leave, strategies.Mistake):
            self.gone = True
            raise

    def hand_on(self, event):
        position = None if event else self.run_out()
        if position is not None:
            self.go(self.life.throw, Leave(position))
        elif event is None and self.operation is None:
            self.go(self.life.send, None)
        elif event and (self.operation is event[0] or self.lanes):
            self.go(self.life.send, event)

    def ask_for_wake(self, until):
        self.until, self.asks = until, True

    def operate(self, what, *more):
        self.until = None
        return (yield from super().operate(what, *more))

    def leave(self):
        if self.gone or self.result:
            return
        try:
            self.life.throw(Leave(None))
        except Leave:
            pass


def run(vector):
    """{"calls": [trace, …], "refused": [time, …]}, times in ns."""
    shared = {name: make(row, 0) for name, row in vector.get("shared", {}).items()}
    policies = [Policy(written, shared) for written in [vector["policy"], *vector.get("others", [])]]
    for where in vector.get("raising", []):
        setattr(policies[0].parts[where["strategy"]], where["option"], strategies.RAISES)
    world = World()
    calls = []
    for written in vector["calls"]:
        call = Call(written, policies[written.get("policy", 0)], world, vector.get("interruptible", True))
        calls.append(call)
        world.at(ns(written["at"]), call.start)
        if "abort" in written:
            world.at(ns(written["abort"]), call.abort)
        for stray in written.get("strays", []):
            world.at(ns(stray["at"]), call.stray, stray)
    for what in vector.get("manual", []):
        world.at(ns(what["at"]), policies[0].manual, what, ns(what["at"]))
    world.run()
    return {"calls": [call.trace for call in calls], "refused": policies[0].refused}
