"""Hedge: a second attempt beside one that takes long, and whichever has a result first.

Rules:

HG1   A further attempt begins beside those that are outstanding when `after` has passed since the last one began, up
      to `attempts` in all.
HG2   The first result is that of the call, unless `results` names it. The other attempts are cancelled, in the order in
      which they began, and leave what is inside without a verdict (EX3).
HG3   A failure, or a result that `results` names, decides nothing while another attempt is outstanding. When none is,
      the first such result comes out; if there is none, the last failure.
HG4   A Timeout outside that fires, and a caller who goes, cancel all that is outstanding, in the order in which it
      began.
HG5   Each attempt is a call of its own for the strategies inside: gates are asked for each, random pauses are drawn
      from streams of its own.
HG6   A call that is not declared `idempotent` gets no further attempt.
HG7   With a `budget`, each call that enters deposits `ratio` of a token and each further attempt takes one; without a
      token none begins any more. If a Retry outside has the same budget, its deposit is the only one.
HG8   With a `quantile`, the time to wait is the smallest of the last `window` durations that at least this share of
      them does not exceed, once `minimum` of them are known; before that it is `after`. A result has a duration, and
      each attempt that it cancels, which would have taken at least as long as it has.
HG9   No further attempt begins at or after the deadline outside.

Hedged requests, and the advice to wait for a high quantile: J. Dean, L. Barroso, *The Tail at Scale*, CACM 2013.
"""

from backstay_core.failure import NEVER, ConfigurationError, shown
from backstay_core.options import PPM, Field, Options, from_data
from backstay_core.racing import Race
from backstay_core.state import Reader
from backstay_core.strategies.budget import Budget, Tokens
from backstay_core.strategies.contract import RACE, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay_core.execution import Execution


class Hedge(Options):
    """Options of a hedge; times in seconds. `budget` is a `Budget`, or a shared one."""

    KIND = "hedge"
    ROLE = RACE
    FIELDS = (
        Field("after", "seconds", "how long the last attempt may take before a further one begins", least=0),
        Field("attempts", "count", "attempts in all, the first included", least=1, most=100),
        Field("idempotent", "flag", "the call may be executed twice"),
        Field("results", "results", "results that do not win", optional=True),
        Field("quantile", "ratio", "begin after this quantile of the durations seen", most=1, optional=True),
        Field("window", "count", "how many durations are remembered", least=1, most=10_000),
        Field("minimum", "count", "durations before it means anything (default: 10)", least=1, optional=True),
        Field("budget", "anything", "bounds further attempts by traffic", optional=True),
    )

    after_ns: int
    attempts: int
    idempotent: bool
    results_match: "Callable[[Any], bool] | None"
    quantile_ppm: "int | None"
    window: int
    minimum: "int | None"
    least: int
    budget: "Any"

    def __init__(
        self,
        after: float,
        *,
        attempts: int = 2,
        idempotent: bool = False,
        results: "Any" = None,
        quantile: "float | None" = None,
        window: int = 100,
        minimum: "int | None" = None,
        budget: "Any" = None,
    ) -> None:
        if isinstance(budget, dict):
            budget = from_data(Budget, Budget.FIELDS, budget, "budget")
        if not (budget is None or isinstance(budget, Budget) or isinstance(getattr(budget, "state", None), Tokens)):
            raise ConfigurationError(f"Hedge(budget=…) must be a Budget or a shared one; got {shown(budget)}")
        self._set(
            after=after,
            attempts=attempts,
            idempotent=idempotent,
            results=results,
            quantile=quantile,
            window=window,
            minimum=minimum,
            budget=budget,
        )
        least = min(10, self.window) if self.minimum is None else self.minimum
        if least > self.window:
            raise ConfigurationError(f"Hedge(minimum=…) must be at most window={self.window}; got {least}")
        self._derive(least=least)

    def state(self, seed: int = 0) -> "Hedger":
        """A fresh state with these options; it makes its own budget unless a shared one was given."""
        return Hedger(self)


class Hedger(State):
    """The state of a Hedge: its budget, and the last durations."""

    __slots__ = ("budget", "durations", "seen")
    ROLE = RACE
    options: Hedge

    def __init__(self, options: Hedge) -> None:
        super().__init__(options)
        budget = options.budget
        self.budget: "Tokens | None" = None
        if budget is not None:
            self.budget = budget.state() if isinstance(budget, Budget) else budget.state
        self.durations: "list[int]" = []  # a ring, once it is full
        self.seen = 0

    def race(self, call: "Execution", at: int) -> Race:
        """A call enters; the Hedge is the strategy `at` (HG7)."""
        if self.budget is not None and not any(
            getattr(outer, "budget", None) is self.budget for outer in call.layers[:at]
        ):
            self.budget.deposit()
        return Race(call, self, at)

    def refuses(self, value: "Any") -> bool:
        """Is this a result that does not win (HG3)?"""
        match = self.options.results_match
        return match is not None and match(value)

    def begins(self, now: int) -> bool:
        """May a further attempt begin (HG7)?"""
        if self.budget is not None and not self.budget.take(now):
            self.tell(now, "budget_exhausted")
            return False
        return True

    def next(self, made: int, now: int, deadline: int) -> int:
        """When a further attempt begins, after `made` of them; `deadline` is that outside (HG1, HG6, HG8, HG9)."""
        options = self.options
        if not options.idempotent or made >= options.attempts:
            return NEVER
        at = now + self.delay()
        return at if at < deadline else NEVER

    def delay(self) -> int:
        """How long an attempt may take before a further one begins (HG8)."""
        options = self.options
        share = options.quantile_ppm
        known = len(self.durations)
        if share is None or known < options.least:
            return options.after_ns
        rank = (share * known + PPM - 1) // PPM
        return sorted(self.durations)[max(rank, 1) - 1]

    def record(self, took: int) -> None:
        """A duration (HG8). Two threads at once may write one over the other: a lost sample."""
        if self.options.quantile_ppm is None:
            return
        durations = self.durations
        if len(durations) < self.options.window:
            durations.append(took)
        else:
            durations[self.seen % self.options.window] = took
        self.seen += 1

    def body(self, now: int) -> "dict[str, Any]":
        cut = self.seen % self.options.window if len(self.durations) >= self.options.window else 0
        return {
            "budget": None if self.budget is None else self.budget.snapshot(now),
            "durations": self.durations[cut:] + self.durations[:cut],
        }

    def parse(self, read: Reader, now: int) -> "Any":
        durations = read.integers("durations")
        if len(durations) > self.options.window:
            read.refuse(f"it holds more than {self.options.window} durations")
        if self.budget is None:
            return durations, None
        return durations, self.budget.parse(
            self.budget.reader(read.nested("budget"), read.mode, None), now - read.elapsed
        )

    def adopt(self, parsed: "Any") -> None:
        self.durations, budget = parsed
        self.seen = len(self.durations) if len(self.durations) < self.options.window else 0
        if self.budget is not None:
            self.budget.adopt(budget)
