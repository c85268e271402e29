"""Risky compositions, and why they are.

Each rule has a number, a reason and a remedy; `lint` says which of them a policy breaks. A finding is advice: policies
mean what they say, and there are good reasons for most of these.

LI1   A circuit breaker has no Timeout inside it. A dependency that hangs reaches it as a cancellation by whatever is
      outside, which is no verdict: the breaker never opens for it.
LI2   A breaker's open period is shorter than the Timeout of an attempt inside it. Probes of the next half-open epoch
      run beside those of the last one, more than `probes` at once.
LI3   A breaker is outside a Retry. It sees one outcome for several attempts and goes on sending them while it makes up
      its mind; inside, it stops the retries too.
LI4   All attempts of a Retry, each with its whole Timeout and the longest pauses, do not fit into the Timeout around
      them. The last attempts are cut short or never begin.
LI5   A Retry with `on` repeats calls that may have been executed, and does not declare them idempotent.
LI6   A Timeout is at least as long as one outside it: it never fires.
LI7   A Retry makes one attempt: it does nothing.
LI8   A Retry without a budget multiplies the load on a dependency that is failing: three attempts mean three times the
      calls, at the worst moment.
LI9   The pauses of a Retry have no jitter. Clients that failed together come back together.
LI10  A Fallback stands inside a Retry or a breaker. What it answers is a success to them: they never see the failure.
LI11  A bulkhead or a concurrency limit outside a Retry holds a place through the pauses between attempts.
LI12  Calls may wait at a bulkhead or a concurrency limit without a limit: it has a queue, no `wait`, and no Timeout
      outside it.
LI13  A breaker can hardly open: more than a thousand calls must fail first.
LI14  An Inject is enabled: calls fail, wait or are answered on purpose.
LI15  A rate limit is outside a Retry: further attempts are not counted, so more calls are made than it lets in.
LI16  A Hedge is not declared idempotent: it never begins a second attempt.
LI17  A Hedge has no budget. When the whole dependency is slow, every call becomes several.
LI18  A Timeout inside a Hedge, or the one around it, is over before a further attempt would begin.
LI19  A Cache is inside a gate: a call whose answer is known takes a place, or counts as a success, all the same.
"""

from backstay_core.advice.bounds import Bounds, worst_case
from backstay_core.clock import to_seconds
from backstay_core.failure import NEVER
from backstay_core.options import PPM
from backstay_core.strategies.bulkhead import Bulkhead
from backstay_core.strategies.cache import Cache
from backstay_core.strategies.circuit_breaker import CircuitBreaker
from backstay_core.strategies.concurrency_limit import ConcurrencyLimit
from backstay_core.strategies.contract import GATE
from backstay_core.strategies.fallback import Fallback
from backstay_core.strategies.hedge import Hedge
from backstay_core.strategies.inject import Inject
from backstay_core.strategies.rate_limit import RateLimit
from backstay_core.strategies.retry import CONSTANT, EXPONENTIAL, LINEAR, Retry
from backstay_core.strategies.timeout import Timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstay_core.options import Options

    Strategies = tuple[Options, ...]


class Finding:
    """A rule that a policy breaks: its number, the position of the strategy (from 0), what is risky, and a remedy."""

    __slots__ = ("position", "remedy", "rule", "text")

    def __init__(self, rule: str, position: int, text: str, remedy: str) -> None:
        self.rule = rule
        self.position = position
        self.text = text
        self.remedy = remedy

    def to_data(self) -> "dict[str, str | int]":
        return {"rule": self.rule, "position": self.position, "text": self.text, "remedy": self.remedy}

    def __repr__(self) -> str:
        return f"Finding({self.rule!r}, {self.position!r}, {self.text!r}, {self.remedy!r})"


def lint(strategies: "Strategies") -> "list[Finding]":
    """What is risky in strategies, outermost first, in the order of the rules."""
    found: "list[Finding]" = []
    for rule in RULES:
        found.extend(rule(strategies))
    return found


def _of(kind: "type | tuple[type, ...]", strategies: "Strategies", start: int = 0) -> "list[int]":
    return [i for i, options in enumerate(strategies) if i >= start and isinstance(options, kind)]


def _seconds(ns: int) -> str:
    return "for ever" if ns >= NEVER else f"{to_seconds(ns):g} s"


def breaker_without_timeout(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(CircuitBreaker, strategies):
        if not _of(Timeout, strategies, i):
            yield Finding(
                "LI1",
                i,
                "the circuit breaker has no Timeout inside it: a dependency that hangs never opens it",
                "put the Timeout of an attempt inside the breaker",
            )


def open_period_shorter_than_attempt(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(CircuitBreaker, strategies):
        breaker: CircuitBreaker = strategies[i]  # type: ignore[assignment]
        inside = _of(Timeout, strategies, i)
        if inside and breaker.open_for_ns < strategies[inside[-1]].seconds_ns:  # type: ignore[attr-defined]
            yield Finding(
                "LI2",
                i,
                f"the breaker is open for {_seconds(breaker.open_for_ns)}, less than an attempt may take",
                "let open_for be at least as long as the Timeout inside",
            )


def breaker_outside_retry(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(CircuitBreaker, strategies):
        if _of(Retry, strategies, i):
            yield Finding(
                "LI3",
                i,
                "the breaker is outside a Retry and sees one outcome for several attempts",
                "move it inside the Retry",
            )


def attempts_beyond_total(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(Retry, strategies):
        outside = _of(Timeout, strategies[:i])
        inside: Bounds = worst_case(strategies[i:])
        if outside and inside.ns < NEVER:
            total: int = min(strategies[j].seconds_ns for j in outside)  # type: ignore[attr-defined]
            if inside.ns > total:
                yield Finding(
                    "LI4",
                    i,
                    f"its attempts may need {_seconds(inside.ns)}, and the Timeout outside leaves {_seconds(total)}",
                    "fewer attempts, a shorter Timeout for each, or a longer one for all",
                )


def retry_of_what_may_have_been_executed(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(Retry, strategies):
        retry: Retry = strategies[i]  # type: ignore[assignment]
        if retry.on_matches is not None and not retry.idempotent and retry.attempts > 1:
            yield Finding(
                "LI5",
                i,
                "it repeats what `on` names even if it may have been executed",
                "declare idempotent=True if that is so, or name only failures that prove it was not executed (connect)",
            )


def timeout_that_never_fires(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(Timeout, strategies):
        outer = [strategies[j].seconds_ns for j in _of(Timeout, strategies[:i])]  # type: ignore[attr-defined]
        if outer and strategies[i].seconds_ns >= min(outer):  # type: ignore[attr-defined]
            yield Finding(
                "LI6",
                i,
                f"a Timeout outside it fires after {_seconds(min(outer))} already",
                "make it shorter, or drop it",
            )


def retry_of_one_attempt(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(Retry, strategies):
        if strategies[i].attempts == 1:  # type: ignore[attr-defined]
            yield Finding("LI7", i, "a Retry with one attempt does nothing", "drop it, or give it attempts")


def retry_without_budget(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(Retry, strategies):
        retry: Retry = strategies[i]  # type: ignore[assignment]
        if retry.budget is None and retry.attempts > 1:
            yield Finding(
                "LI8", i, f"without a budget it may make {retry.attempts} times the calls", "give it budget=Budget()"
            )


def pauses_without_jitter(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(Retry, strategies):
        retry: Retry = strategies[i]  # type: ignore[assignment]
        if retry.attempts > 1 and (retry.backoff in (CONSTANT, LINEAR, EXPONENTIAL) or not retry.base_ns):
            yield Finding("LI9", i, "its pauses have no jitter", "use the full_jitter or decorrelated backoff")


def fallback_inside(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(Fallback, strategies):
        hidden = [strategies[j].KIND for j in range(i) if isinstance(strategies[j], (Retry, CircuitBreaker))]
        if hidden:
            yield Finding(
                "LI10", i, f"it hides failures from the {hidden[-1]} outside it", "make it the outermost strategy"
            )


def places_outside_retry(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of((Bulkhead, ConcurrencyLimit), strategies):
        for j in _of(Retry, strategies, i):
            if strategies[j].attempts > 1:  # type: ignore[attr-defined]
                yield Finding(
                    "LI11", i, "a place is held through the pauses of the Retry inside", "move it inside the Retry"
                )


def endless_wait(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of((Bulkhead, ConcurrencyLimit), strategies):
        gate: Bulkhead | ConcurrencyLimit = strategies[i]  # type: ignore[assignment]
        if gate.queue and gate.wait_ns is None and not _of(Timeout, strategies[:i]):
            yield Finding("LI12", i, "calls may wait at it for ever", "give it wait=…, or put a Timeout outside")


def breaker_that_hardly_opens(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(CircuitBreaker, strategies):
        breaker: CircuitBreaker = strategies[i]  # type: ignore[assignment]
        if breaker.minimum * breaker.failure_rate_ppm > 1000 * PPM and breaker.slow_call_ns is None:
            yield Finding(
                "LI13",
                i,
                f"{breaker.minimum * breaker.failure_rate_ppm // PPM} calls must fail before it can open",
                "a smaller window, minimum_calls or failure_rate",
            )


def enabled_fault(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(Inject, strategies):
        if strategies[i].enabled:  # type: ignore[attr-defined]
            yield Finding("LI14", i, "it is enabled: calls go wrong on purpose", "leave it off but for a trial")


def rate_limit_outside_retry(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(RateLimit, strategies):
        for j in _of(Retry, strategies, i):
            if strategies[j].attempts > 1:  # type: ignore[attr-defined]
                yield Finding("LI15", i, "further attempts of the Retry inside are not counted", "move it inside")


def hedge_of_nothing(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(Hedge, strategies):
        hedge: Hedge = strategies[i]  # type: ignore[assignment]
        if not hedge.idempotent:
            yield Finding(
                "LI16", i, "calls are not declared idempotent: it never hedges", "idempotent=True if they are"
            )


def hedge_without_budget(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(Hedge, strategies):
        if strategies[i].budget is None:  # type: ignore[attr-defined]
            yield Finding("LI17", i, "when everything is slow, every call becomes several", "give it a budget")


def hedge_too_late(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(Hedge, strategies):
        hedge: Hedge = strategies[i]  # type: ignore[assignment]
        for j in _of(Timeout, strategies):
            seconds: int = strategies[j].seconds_ns  # type: ignore[attr-defined]
            if hedge.quantile_ppm is None and seconds <= hedge.after_ns:
                where = "inside it" if j > i else "around it"
                yield Finding("LI18", i, f"the Timeout {where} ends no later than `after`", "a shorter `after`")


def cache_inside_gate(strategies: "Strategies") -> "Iterator[Finding]":
    for i in _of(Cache, strategies):
        gates = [j for j in range(i) if getattr(strategies[j], "ROLE", "") == GATE]
        if gates:
            yield Finding("LI19", i, "calls whose answer is known pass the gate around it", "move it outside the gate")


RULES = (
    breaker_without_timeout,
    open_period_shorter_than_attempt,
    breaker_outside_retry,
    attempts_beyond_total,
    retry_of_what_may_have_been_executed,
    timeout_that_never_fires,
    retry_of_one_attempt,
    retry_without_budget,
    pauses_without_jitter,
    fallback_inside,
    places_outside_retry,
    endless_wait,
    breaker_that_hardly_opens,
    enabled_fault,
    rate_limit_outside_retry,
    hedge_of_nothing,
    hedge_without_budget,
    hedge_too_late,
    cache_inside_gate,
)
