"""What generated code calls when it leaves the healthy path: waiting, refusing, substituting, settling with care."""

from __future__ import annotations

from backstay.ambient import current_deadline
from backstay.classifier import classify
from backstay.drivers.operation import refuse_coroutine
from backstay.drivers.sync import in_event_loop
from backstay.errors import REFUSALS, DeadlineExceeded, Rejected, TimedOut
from backstay.frames.judging import PolicyBug, held, is_ordinary
from backstay.notes import annotate, text_of
from backstay_core.failure import NEUTRAL, NEVER, ConfigurationError, Failure
from backstay_core.options import PPM
from backstay_core.strategies.contract import GRANTED, REFUSED
from backstay_core.strategies.priority import ANYBODY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.drivers.ports import Ports
    from backstay.policy import Policy
    from backstay_core.strategies.breaker import Breaker
    from backstay_core.strategies.concurrency_limit import Slots
    from backstay_core.strategies.contract import Permit
    from backstay_core.strategies.priority import Caller
    from backstay_core.strategies.queue import Queue
    from backstay_core.strategies.retry import Attempts, Retrier
    from backstay_core.strategies.throttle import Tally, Tenth

    #  the Timeouts around a gate, outermost first: (state, its deadline, the deadline outside it), in ns
    Bounds = tuple[tuple[Any, int, int], ...]


MOST_TEXTS = 1000  # notes kept ready

#  classes whose exceptions take notes as any exception does
NOTABLE: set[type[BaseException]] = set()


class Expired(BaseException):
    """A Timeout of this policy ran out while its call waited in a thread; `layer` is that Timeout's state."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer


def mistake(value: Any, where: str) -> None:
    """A coroutine where a result belongs ends the call, and no strategy is asked about it."""
    try:
        refuse_coroutine(value, where)
    except ConfigurationError as error:
        raise PolicyBug(error) from None


def refusal(answer: Any, where: str) -> Rejected:
    """The exception of a gate's refusal."""
    return REFUSALS.get(answer.reason, Rejected)(where, answer.reason, answer.retry_after)


def no_time(policy: Policy) -> DeadlineExceeded:
    return DeadlineExceeded(f"{policy.name}: the deadline has passed", "NO_TIME", None)


def timed_out(where: str, seconds: float) -> TimedOut:
    return TimedOut(where, seconds)


def wait_in_thread(gate: Queue, where: str, ports: Ports, bounds: Bounds, caller: Caller = ANYBODY) -> Permit:
    """Wait at a gate. Raises what its refusal is, or `Expired` for the outermost Timeout that runs out meanwhile."""
    clock = ports.clock
    bell = None if in_event_loop() else ports.doorbell()
    answer: Any = gate.admit(clock(), None if bell is None else bell.ring, caller)
    try:
        while answer.decision != GRANTED:
            if answer.decision == REFUSED or bell is None:
                raise refusal(answer, where)
            answer.within(current_deadline())  # BH4
            bell.wait(answer.until - clock())
            now = clock()
            expire(now, bounds)
            answer = gate.poll(answer, now)
    except BaseException:
        if answer.decision != REFUSED:
            gate.abandon(answer, clock())
        raise
    permit: Permit = answer
    return permit


def expire(now: int, bounds: Bounds) -> None:
    """Raises `Expired` for the outermost Timeout that has run out."""
    for layer, deadline, outer in bounds:
        if deadline <= now and deadline < outer:
            raise Expired(layer)


def hold_up(ports: Ports, ns: int, bounds: Bounds) -> None:
    """A fault holds a call up in a thread, until the first Timeout runs out (IN7)."""
    clock = ports.clock
    now = clock()
    until = min((deadline for _, deadline, outer in bounds if deadline < outer), default=NEVER)
    until = min(until, now + ns)
    while now < until:
        ports.pause(until - now)
        now = clock()
    expire(now, bounds)


def known(failure: Failure | None, error: BaseException) -> Failure:
    """The failure that `error` is; `failure` is the one that was injected last."""
    return failure if failure is not None and failure.cause is error else classify(error)


def settle_value(breaker: Breaker, permit: Permit, now: int, began: int, value: Any, late: bool) -> PolicyBug | None:
    """Settle a call that returned; gives back the bug of a predicate, having settled neutrally (EX5)."""
    verdict, bug = NEUTRAL, None
    try:
        verdict = breaker.judge_value(value, now - began, late)
    except Exception as error:
        bug = PolicyBug(error)
    finally:
        breaker.settle(permit, now, verdict)
    return bug


def settle_error(
    breaker: Breaker, permit: Permit, now: int, began: int, error: BaseException, failure: Failure
) -> BaseException:
    """Settle a call that failed; gives back its error, or the bug of a predicate, having settled neutrally (EX5)."""
    verdict = NEUTRAL
    try:
        if isinstance(error, Exception):
            verdict = breaker.judge(failure, now - began)
    except Exception as bug:
        error = PolicyBug(bug)
    finally:
        breaker.settle(permit, now, verdict)
    return error


def measure_error(limit: Slots, permit: Permit, now: int, error: Exception, inside: int) -> BaseException:
    """Tell a concurrency limit of a call that failed; gives back its error, or the bug of a predicate (EX5)."""
    try:
        verdict = limit.judge(classify(error), 0)
    except Exception as bug:
        return PolicyBug(bug)
    limit.measure(permit, now, verdict, inside)
    return error


def count_error(throttle: Tally, permit: Tenth, error: Exception) -> BaseException:
    """Tell a throttle of a call that failed; gives back its error, or the bug of a predicate (EX5)."""
    try:
        verdict = throttle.judge(classify(error), 0)
    except Exception as bug:
        return PolicyBug(bug)
    throttle.count(permit, verdict)
    return error


def asks(predicate: Any, value: Any) -> bool:
    """A user's predicate of a result; its error comes out as a `PolicyBug`."""
    try:
        return bool(predicate(value))
    except Exception as error:
        raise PolicyBug(error) from error


def looks_again(lookup: Any, failure: Failure) -> bool:
    """Does a stale value stand in for this failure? The error of a predicate comes out as a `PolicyBug`."""
    try:
        return bool(lookup.looks_again(failure))
    except Exception as error:
        raise PolicyBug(error) from error


def pause_after(retrier: Retrier, call: Attempts, made: int, pushback: int, now: int, deadline: int) -> int | None:
    """The pause before the next attempt, or None to give up."""
    call.made = made
    return retrier.again(call, pushback, now, deadline)


def why_not(retrier: Retrier, pushback: int) -> str:
    """Why `pause_after` gave up, for the note."""
    if pushback > retrier.options.pushback_cap_ns:
        return "pushback"
    budget = retrier.budget
    return "budget" if budget is not None and budget.tokens < PPM else "time"


def result_failure(policy: Policy) -> Failure:
    return Failure("result", f"{policy.name}: an unacceptable result", domain="backstay")


_TEXTS: dict[tuple[type[BaseException], str, int, str], str] = {}


def note(error: BaseException, policy: str, attempts: int, why: str) -> None:
    """Leave a note on the caller's own error: what was tried, and why no more (`notes.WHY`).

    An exception that carries nothing yet, the common case, gets a text made before: 0.3 µs instead of 2. Not so if its
    class has ideas of its own about notes.
    """
    cls = type(error)
    key = (cls, policy, attempts, why)
    text = _TEXTS.get(key)
    if text is not None and not held(error):
        error.add_note(text)
        return
    annotate(error, policy, (attempts, None, why))
    if text is None and cls.add_note is BaseException.add_note and not hasattr(cls, "__notes__"):
        if len(_TEXTS) >= MOST_TEXTS:
            _TEXTS.clear()
            NOTABLE.clear()
        if is_ordinary(cls):
            NOTABLE.add(cls)
        _TEXTS[key] = text_of(policy, (attempts, None, why))
