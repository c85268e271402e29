"""Retry: try again what may succeed the next time, and no more often than the dependency can bear.

Rules:

RT1   At most `attempts` attempts are made.
RT2   Without `on`, a failure is tried again if its classification says that this can help (retry *same*, *later* or
      *elsewhere*) and if it surely was not executed, or the call is declared `idempotent`.
RT3   With `on`, exactly the failures it names are tried again, whether idempotent or not: naming them is the
      declaration. With `idempotent`, a failure of kind *timeout* is tried again too.
RT4   A refusal by a strategy of the same policy is never tried again.
RT5   A result that `results` names is tried again; when attempts run out it is returned as it is.
RT6   The pause after failed attempt n is `base` (constant), n × `base` (linear), `base` × `factor`ⁿ⁻¹ (exponential), a
      random time up to that (full jitter), or a random time between `base` and three times the last pause, at first
      three times `base` (decorrelated); none is longer than `cap`.
RT7   When the server asks for a pause, the pause begins after what it asked for. A negative one, or one longer than
      `pushback_cap`, ends the retries.
RT8   No pause begins that would end at or after the deadline, or at or after `total` from the first attempt: Retry
      gives up at once.
RT9   With a `budget`, each call that enters deposits `ratio` of a token and each further attempt takes one; without a
      token there is no further attempt.
RT10  The budget also gains `per_second` tokens in a second; it starts full and never holds more than `burst`.
RT11  Random pauses come from the call's own stream; one number is drawn for each pause that RT1 to RT5 and the sign in
      RT7 allow, before RT8 and RT9 are asked.
RT12  What comes out when Retry gives up is the last attempt's own failure.

Backoff formulas and names: M. Brooker, *Exponential Backoff and Jitter*, AWS Architecture Blog, 2015.
"""

from backstay_core.failure import ConfigurationError, Failure, shown
from backstay_core.options import PPM, Field, Options, from_data
from backstay_core.rng import Rng
from backstay_core.state import Reader
from backstay_core.strategies.budget import Budget, Tokens
from backstay_core.strategies.contract import DRIVER, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

CONSTANT = "constant"
LINEAR = "linear"
EXPONENTIAL = "exponential"
FULL_JITTER = "full_jitter"
DECORRELATED = "decorrelated"
BACKOFFS = (FULL_JITTER, EXPONENTIAL, CONSTANT, LINEAR, DECORRELATED)

HELPS = ("same", "later", "elsewhere")


class Retry(Options):
    """Options of a retry; times in seconds. `budget` is a `Budget`, or a shared one."""

    KIND = "retry"
    ROLE = DRIVER
    FIELDS = (
        Field("attempts", "count", "attempts in all, the first included", least=1, most=1_000_000),
        Field("on", "failures", "which failures to try again (default: by classification)", optional=True),
        Field("results", "results", "which results to try again", optional=True),
        Field("idempotent", "flag", "the call may be executed twice"),
        Field("backoff", "choice", "how pauses grow", choices=BACKOFFS),
        Field("base", "seconds", "the first pause; 0 retries at once", least=0),
        Field("factor", "ratio", "growth of pauses: exponential and full_jitter", least=1, most=1000),
        Field("cap", "seconds", "longest pause", least=0),
        Field("total", "seconds", "no further attempt after this long", least=1e-9, optional=True),
        Field("pushback_cap", "seconds", "longest pause a server may ask for", least=0),
        Field("budget", "anything", "bounds retries by traffic", optional=True),
    )

    attempts: int
    on_matches: "Any"
    results_match: "Callable[[Any], bool] | None"
    idempotent: bool
    backoff: str
    base_ns: int
    factor_ppm: int
    cap_ns: int
    total_ns: "int | None"
    pushback_cap_ns: int
    budget: "Any"

    def __init__(
        self,
        attempts: int = 3,
        *,
        on: "Any" = None,
        results: "Any" = None,
        idempotent: bool = False,
        backoff: str = FULL_JITTER,
        base: float = 0.1,
        factor: float = 2.0,
        cap: float = 10.0,
        total: "float | None" = None,
        pushback_cap: float = 60.0,
        budget: "Any" = None,
    ) -> None:
        if isinstance(budget, dict):
            budget = from_data(Budget, Budget.FIELDS, budget, "budget")
        if not (budget is None or isinstance(budget, Budget) or isinstance(getattr(budget, "state", None), Tokens)):
            raise ConfigurationError(f"Retry(budget=…) must be a Budget or a shared one; got {shown(budget)}")
        self._set(
            attempts=attempts,
            on=on,
            results=results,
            idempotent=idempotent,
            backoff=backoff,
            base=base,
            factor=factor,
            cap=cap,
            total=total,
            pushback_cap=pushback_cap,
            budget=budget,
        )

    def state(self, seed: int = 0) -> "Retrier":
        """A fresh state with these options; it makes its own budget unless a shared one was given."""
        return Retrier(self)


class Attempts:
    """One call's way through a Retry: attempts made, the last pause, when the first began, and the call's stream."""

    __slots__ = ("began", "made", "pause", "rng")

    def __init__(self, began: int, rng: Rng) -> None:
        self.began = began
        self.made = 1
        self.pause = 0
        self.rng = rng


class Retrier(State):
    """The state of a Retry: its budget."""

    __slots__ = ("budget",)
    ROLE = DRIVER
    options: Retry

    def __init__(self, options: Retry) -> None:
        super().__init__(options)
        budget = options.budget
        self.budget: "Tokens | None" = None
        if budget is not None:
            self.budget = budget.state() if isinstance(budget, Budget) else budget.state

    @property
    def draws(self) -> bool:  # type: ignore[override]
        options = self.options
        return options.base_ns > 0 and options.backoff in (FULL_JITTER, DECORRELATED)

    def enter(self, now: int, rng: Rng) -> Attempts:
        """A call begins (RT9)."""
        if self.budget is not None:
            self.budget.deposit()
        return Attempts(now, rng)

    def wants(self, failure: Failure) -> bool:
        """Would this failure be tried again, if attempts, time and budget allow (RT2, RT3)?"""
        options = self.options
        matcher = options.on_matches
        if matcher is not None:
            if matcher.matches(failure):
                return True
            return options.idempotent and failure.kind == "timeout"
        return failure.retry in HELPS and (options.idempotent or failure.executed == "no")

    def wants_value(self, value: "Any") -> bool:
        """Is this result to be tried again (RT5)?"""
        match = self.options.results_match
        return match is not None and match(value)

    def again(self, call: Attempts, pushback: "int | None", now: int, deadline: int) -> "int | None":
        """After an attempt that `wants` to be tried again: the pause in ns, or None to give up.

        `pushback` is the pause the server asked for; `deadline` applies outside this Retry.
        """
        options = self.options
        if call.made >= options.attempts:
            return None
        if pushback is not None and (pushback < 0 or pushback > options.pushback_cap_ns):
            return None
        pause = self.pause(call)
        call.pause = pause
        if pushback is not None:
            pause += pushback
        end = deadline
        if options.total_ns is not None and call.began + options.total_ns < end:
            end = call.began + options.total_ns
        if now + pause >= end:
            return None
        if self.budget is not None and not self.budget.take(now):
            self.tell(now, "budget_exhausted")
            return None
        call.made += 1
        return pause

    def pause(self, call: Attempts) -> int:
        """The pause after the attempt just made, without pushback (RT6)."""
        options = self.options
        base = options.base_ns
        cap = options.cap_ns
        backoff = options.backoff
        if not base:
            return 0
        if backoff == CONSTANT:
            return min(base, cap)
        if backoff == LINEAR:
            return min(base * call.made, cap)
        if backoff == DECORRELATED:
            most = max(base, 3 * (call.pause or base))
            return min(base + call.rng.below(most - base + 1), cap)
        pause = base
        for _ in range(call.made - 1):
            grown = pause * options.factor_ppm // PPM
            if pause >= cap or grown == pause:
                break
            pause = grown
        pause = min(pause, cap)
        return call.rng.below(pause + 1) if backoff == FULL_JITTER else pause

    def body(self, now: int) -> "dict[str, Any]":
        return {"budget": None if self.budget is None else self.budget.snapshot(now)}

    def parse(self, read: Reader, now: int) -> "Any":
        if self.budget is None:
            return None
        return self.budget.parse(self.budget.reader(read.nested("budget"), read.mode, None), now - read.elapsed)

    def adopt(self, parsed: "Any") -> None:
        if self.budget is not None:
            self.budget.adopt(parsed)
