"""The step machine: one call's way through a policy, without doing anything itself.

This is the executable specification. A host sends events and carries out the actions it gets back; the strategies
decide.

===================================== =================================================================================
action                                what the host does
===================================== =================================================================================
``(ATTEMPT, token, deadline)``        start the guarded operation; send OK or ERROR with this token when it ends, WAKE
                                      at `deadline` if it is still running then
``(SUBSTITUTE, token, deadline,       make the substitute of the strategy at `position` for `failure` (None: for a
position, failure)``                  result), as an operation of its own
``(CANCEL, token)``                   stop that operation; its outcome no longer matters
``(WAIT, until)``                     nothing to do: send WAKE at `until`, or as soon as the call's `wake` was called
                                      (a WAKE that comes early leads to no action: go on waiting as before)
``(COMPLETE, token)``                 over: return the value of that operation
``(FAIL, token, failure)``            over: raise the error of that operation; token 0: `failure` is Backstay's own
===================================== =================================================================================

===================================== =================================================================================
event                                 what it says
===================================== =================================================================================
``(START,)``                          begin
``(OK, token, value)``                the operation returned; `value` is the value, or a label where values do not cross
``(ERROR, token, failure)``           the operation failed
``(WAKE,)``                           look again: a time has come or `wake` was called
``(ABORT,)``                          the caller has gone; there is no final action
===================================== =================================================================================

Rules:

EX1   Events for tokens that are not outstanding are ignored, so an operation settles once.
EX2   Whatever ends a call, every permit is settled and every ticket abandoned exactly once.
EX3   A caller who goes, and a Timeout that fires, leave the strategies inside with a neutral verdict.
EX4   Time does not run backwards within a call: an earlier `now` is taken as the latest one seen.
EX5   An error in a user's own predicate ends the call with that error at once: nothing is tried again, no substitute is
      made, and the gates settle neutrally.
"""

from backstay_core.failure import NEUTRAL, NEVER, Failure
from backstay_core.strategies.contract import BOUND, DRIVER, FAULT, GATE, GRANTED, LOOKUP, RACE, REFUSED
from backstay_core.strategies.contract import SUBSTITUTE as SUBSTITUTES
from backstay_core.strategies.priority import ANYBODY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay_core.policy import Policy
    from backstay_core.strategies.priority import Caller

    Action = tuple[Any, ...]

START = "start"
OK = "ok"
ERROR = "error"
WAKE = "wake"
ABORT = "abort"

ATTEMPT = "attempt"
SUBSTITUTE = "substitute"
CANCEL = "cancel"
WAIT = "wait"
COMPLETE = "complete"
FAIL = "fail"

NEW = "new"
MOVING = "moving"  # within a step: only an interrupt leaves it in this mode
RUNNING = "running"  # an operation is outstanding
QUEUED = "queued"  # waiting at a gate
PAUSED = "paused"  # between two attempts, or held up by a fault
RACING = "racing"  # several attempts beside each other (`backstay_core.racing`)
OVER = "over"

MISSED = "missed"  # what a call holds of a lookup that has found nothing


#  refusals that say: too much at once
EXHAUSTED = (
    "BULKHEAD_FULL",
    "BULKHEAD_WAIT",
    "RATE_LIMITED",
    "RATE_LIMIT_WAIT",
    "CONCURRENCY_FULL",
    "CONCURRENCY_WAIT",
)


def refused(reason: str, retry_after: "int | None", where: str) -> Failure:
    """The failure that a refusal of one of the policy's strategies is."""
    code = "RESOURCE_EXHAUSTED" if reason in EXHAUSTED else "UNAVAILABLE"
    return Failure("rejected", where, code=code, reason=reason, retry_after=retry_after, domain="backstay")


def timed_out(seconds: "int | float", where: str) -> Failure:
    """The failure of a Timeout that has run out."""
    return Failure("timeout", f"{where}: not over after {seconds} s", reason="TIMED_OUT", domain="backstay")


def no_time(where: str) -> Failure:
    """The refusal of a call whose caller's deadline has passed (TO6)."""
    return Failure(
        "rejected", f"{where}: the deadline has passed", code="DEADLINE_EXCEEDED", reason="NO_TIME", domain="backstay"
    )


class Execution:
    """One call. `wake` is called, from any thread, when a gate has let it in; without it the call never waits at a
    gate.

    `deadline` (ns) is the caller's: it bounds every Timeout, and enforcing it is the caller's affair. `caller` says
    whose call it is, to gates that ask; without it the policy is asked for one.
    """

    __slots__ = (
        "at", "base", "began", "caller", "deadlines", "held", "layers", "mode", "now", "number", "policy", "race",
        "salt", "token", "wake",
    )  # fmt: skip

    def __init__(
        self,
        policy: "Policy",
        wake: "Callable[[], object] | None" = None,
        deadline: int = NEVER,
        caller: "Caller | None" = None,
    ) -> None:
        depth = len(policy.layers)
        self.policy = policy
        self.layers: "tuple[Any, ...]" = policy.layers
        self.wake = wake
        self.caller: "Caller" = (caller or policy.caller()) if policy.asks else ANYBODY
        self.number = -1
        self.mode = NEW
        self.now = 0
        self.base = 0  # the outermost of its layers
        self.salt = 0  # of its random streams
        self.race: "Any" = None
        self.at = 0  # the layer that waits; all layers while an attempt runs; what is outside it is held
        self.token = 0  # of the latest operation
        self.held: "list[Any]" = [None] * depth  # permit, ticket or attempts, by layer
        self.began = [0] * depth  # when each layer was entered
        self.deadlines = [deadline] * (depth + 1)  # deadlines[i] applies outside layer i, [i + 1] inside it

    def step(self, event: "Action", now: int) -> "list[Action]":
        """Take an event at `now` (ns); return the actions it leads to."""
        if now < self.now:
            now = self.now  # EX4
        self.now = now
        return self._event(event, now)

    def _event(self, event: "Action", now: int) -> "list[Action]":
        kind = event[0]
        mode = self.mode
        if kind == OK or kind == ERROR:
            if mode == RACING:
                return self._raced(self.race.event(event, now), now)
            if mode != RUNNING or event[1] != self.token:
                return []  # EX1
            if kind == OK:
                return self._up(self.at - 1, now, None, event[2], self.token)
            if self.at < len(self.layers) and self.layers[self.at].ROLE == LOOKUP:
                return self._not_found(self.at, now, event[2], self.token)
            return self._up(self.at - 1, now, event[2], None, self.token)
        if kind == WAKE:
            return self._wake(now)
        if kind == ABORT:
            actions = self._leave(0, now) if mode != OVER and mode != NEW else []
            self.mode = OVER
            return actions
        if kind == START and mode == NEW:
            if self.policy.draws:
                self.number = self.policy.next_call()
            if self.policy.bounded and self.deadlines[0] <= now:
                return self._end((FAIL, 0, no_time(self.policy.name)))
            return self._down(0, now)
        return []

    def _down(self, i: int, now: int) -> "list[Action]":
        """Enter the layers from `i` inwards, to an attempt, a wait or a refusal."""
        layers = self.layers
        self.mode = MOVING
        self.at = i
        while i < len(layers):
            layer = layers[i]
            role = layer.ROLE
            inner = self.deadlines[i]
            self.began[i] = now
            if role == GATE:
                answer = layer.admit(now, self.wake, self.caller)
                if answer.decision != GRANTED:
                    return self._not_admitted(i, now, answer)
                self.held[i] = answer
            elif role == DRIVER:
                self.held[i] = layer.enter(now, self.policy.stream(self.number, i + self.salt))
            elif role == BOUND:
                inner = min(inner, now + layer.delay_ns)
            elif role == FAULT:
                if layer.draws and self.held[i] is None:
                    self.held[i] = self.policy.stream(self.number, i + self.salt)
                if layer.strikes(now, self.held[i]):
                    return self._strike(i, layer, now)
            elif role == LOOKUP:
                self.held[i] = None
                return self._operate(i, SUBSTITUTE, i, None)
            elif role == RACE:
                self.race = layer.race(self, i)
                return self._raced(self.race.begin(now), now)
            i += 1
            self.deadlines[i] = inner
            self.at = i
        return self._operate(i, ATTEMPT)

    def _not_found(self, i: int, now: int, failure: Failure, token: int) -> "list[Action]":
        """A lookup of layer `i` has failed (CA2, CA3, ID2)."""
        self.mode = MOVING
        held = self.held[i]
        if held is not None:
            failure, token = held
            return self._up(i - 1, now, failure, None, token)
        if not self.layers[i].goes_on(failure):
            return self._up(i - 1, now, failure, None, token)
        fired = self._fire(now)
        if fired is not None:
            return fired
        self.held[i] = MISSED
        self.deadlines[i + 1] = self.deadlines[i]
        return self._down(i + 1, now)

    def _raced(self, actions: "list[Action]", now: int) -> "list[Action]":
        """After a step of the race: go on with its result, if there is one."""
        race = self.race
        if not race.over:
            self.mode = RACING
            return actions
        self.race = None
        if race.mistake is not None:
            self.mode = MOVING
            return actions + self._mistaken(race.mistake, now)
        failure, value, token = race.result
        return actions + self._up(race.at - 1, now, failure, value, token)

    def _strike(self, i: int, layer: "Any", now: int) -> "list[Action]":
        """A fault on purpose, in place of what is inside layer `i` or before it (IN3 to IN6)."""
        fault = layer.options.fault
        if fault == "outcome":
            return self._operate(i, SUBSTITUTE, i, None)
        if fault == "error":
            return self._up(i - 1, now, layer.failure(self._where(i)), None, 0)
        return self._pause(i, now + layer.options.seconds_ns)

    def _pause(self, i: int, until: int) -> "list[Action]":
        """Wait at layer `i`; a Timeout outside that ends before that fires then (TO1)."""
        outside = self.deadlines[i]
        self.mode = PAUSED
        self.deadlines[i + 1] = until
        return [(WAIT, outside if outside < until and outside < self.deadlines[0] else until)]

    def _where(self, i: int) -> str:
        """How failures of Backstay's own name layer `i`."""
        return f"{self.policy.name}: {self.layers[i].options.KIND}"

    def _operate(self, i: int, what: str, *more: "Any") -> "list[Action]":
        """An operation inside layers 0 … i−1."""
        self.at = i
        self.mode = RUNNING
        self.token = self._next()
        return [(what, self.token, self.deadlines[i]) + more]

    def _next(self) -> int:
        """The token of the next operation."""
        return self.token + 1

    def _not_admitted(self, i: int, now: int, answer: "Any") -> "list[Action]":
        if answer.decision == REFUSED:
            return self._up(i - 1, now, refused(answer.reason, answer.retry_after, self._where(i)), None, 0)
        answer.within(self.deadlines[i])
        self.held[i] = answer
        self.mode = QUEUED
        return [(WAIT, answer.until)]

    def _up(self, i: int, now: int, failure: "Failure | None", value: "Any", token: int) -> "list[Action]":
        """Carry an outcome outwards from layer `i`: a failure, or else a value. Token 0: the failure is our own."""
        late = False
        self.mode = MOVING
        while i >= self.base:
            self.at = i
            layer = self.layers[i]
            role = layer.ROLE
            try:
                if role == GATE:
                    verdict = NEUTRAL
                    try:
                        took = now - self.began[i]
                        verdict = (
                            layer.judge_value(value, took, late) if failure is None else layer.judge(failure, took)
                        )
                    finally:
                        layer.settle(self.held[i], now, verdict)
                elif role == DRIVER:
                    pause = self._again(i, layer, now, failure, value, token)
                    if pause is not None:
                        self.policy.tell(now, "retry", pause)
                        if not pause:
                            return self._down(i + 1, now)
                        return self._pause(i, now + pause)
                elif role == BOUND:
                    late = late or now - self.began[i] >= layer.delay_ns  # TO4
                elif role == LOOKUP:
                    if failure is not None and layer.looks_again(failure):
                        self.held[i] = (failure, token)
                        return self._operate(i, SUBSTITUTE, i, failure)
                elif role == SUBSTITUTES and (
                    layer.applies_to_value(value) if failure is None else layer.applies(failure)
                ):
                    self.policy.tell(now, "fallback", failure)
                    return self._operate(i, SUBSTITUTE, i, failure)
            except Exception as error:  # EX5: a predicate of the user's
                return self._mistaken(Failure("programming", f"{self._where(i)}: {error!r}", cause=error), now)
            i -= 1
        return self._done(failure, value, token)

    def _done(self, failure: "Failure | None", value: "Any", token: int) -> "list[Action]":
        return self._end((COMPLETE, token) if failure is None else (FAIL, token, failure))

    def _mistaken(self, failure: Failure, now: int) -> "list[Action]":
        """EX5."""
        self._leave(0, now)
        return self._end((FAIL, 0, failure))

    def _again(
        self, i: int, layer: "Any", now: int, failure: "Failure | None", value: "Any", token: int
    ) -> "int | None":
        """Does the driver at `i` want another attempt, and after which pause?"""
        if failure is None:
            wanted = layer.wants_value(value)
            pushback = None
        else:
            wanted = (token != 0 or failure.kind != "rejected") and layer.wants(failure)  # RT4
            pushback = failure.retry_after
        if not wanted:
            return None
        pause: "int | None" = layer.again(self.held[i], pushback, now, self.deadlines[i])
        return pause

    def _wake(self, now: int) -> "list[Action]":
        if self.mode == OVER or self.mode == NEW:
            return []
        fired = self._fire(now)
        if fired is not None:
            return fired
        deadlines = self.deadlines
        i = self.at
        if self.mode == RACING:
            return self._raced(self.race.event((WAKE,), now), now)
        if self.mode == PAUSED:
            until = deadlines[i + 1]
            if now < until:
                return []
            deadlines[i + 1] = deadlines[i]
            layer = self.layers[i]
            if layer.ROLE == FAULT and layer.options.fault == "hang":
                return self._up(i - 1, now, layer.failure(self._where(i)), None, 0)
            return self._down(i + 1, now)
        if self.mode == QUEUED:
            ticket = self.held[i]
            until = ticket.until
            answer = self.layers[i].poll(ticket, now)
            if answer is ticket:
                return [] if ticket.until == until else [(WAIT, ticket.until)]
            if answer.decision != GRANTED:
                return self._not_admitted(i, now, answer)
            self.held[i] = answer
            self.began[i] = now  # who waits is not inside yet
            self.deadlines[i + 1] = self.deadlines[i]
            return self._down(i + 1, now)
        return []

    def _fire(self, now: int) -> "list[Action] | None":
        """What follows from the outermost Timeout that has run out, None if none has (TO2, TO3)."""
        deadlines = self.deadlines
        for i in range(self.base, self.at):
            layer = self.layers[i]
            if layer.ROLE == BOUND and deadlines[i + 1] <= now and deadlines[i + 1] < deadlines[i]:
                actions = self._leave(i + 1, now)
                failure = timed_out(layer.options.seconds, f"{self.policy.name}: timeout")
                return actions + self._up(i - 1, now, failure, None, 0)
        return None

    def _leave(self, stop: int, now: int) -> "list[Action]":
        """Leave the layers inside `stop` without a verdict (EX3)."""
        actions: "list[Action]" = []
        i = self.at
        mode = self.mode
        self.mode = MOVING
        if mode == RUNNING:
            actions.append((CANCEL, self.token))
        elif mode == QUEUED:
            self.layers[i].abandon(self.held[i], now)
        if self.race is not None:
            actions += self.race.leave(now)
            self.race = None
        while i > stop:
            i -= 1
            self.at = i
            if self.layers[i].ROLE == GATE:
                self.layers[i].settle(self.held[i], now, NEUTRAL)
        return actions

    def _end(self, action: "Action") -> "list[Action]":
        self.mode = OVER
        return [action]
