"""Fallback: a value in place of a failure.

Rules:

FB1   A failure that `on` names (default: every failure but a cancelled call) is answered with the substitute.
FB2   Refusals of this policy's own strategies and timeouts inside the Fallback are failures like any other to it.
FB3   A result that `results` names is answered with the substitute too.
FB4   A substitute that fails is a failure of its own, judged by what is outside the Fallback, not by the Fallback.
FB5   Making the substitute is an operation like an attempt: deadlines and cancellation outside it apply. Only that it
      begins even inside a Timeout that has run out: a failure that came late (TO4) is answered like any other.
"""

from backstay_core.failure import Failure
from backstay_core.options import Field, Options
from backstay_core.strategies.contract import SUBSTITUTE, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Fallback(Options):
    """Options of a fallback: a value, or a function of the failure that makes one."""

    KIND = "fallback"
    ROLE = SUBSTITUTE
    FIELDS = (
        Field("value", "anything", "the substitute, or a function of the failure"),
        Field("on", "failures", "which failures it answers (default: all)", optional=True),
        Field("results", "results", "which results it replaces", optional=True),
    )

    value: "Any"
    on_matches: "Any"
    results_match: "Callable[[Any], bool] | None"

    def __init__(self, value: "Any" = None, *, on: "Any" = None, results: "Any" = None) -> None:
        self._set(value=value, on=on, results=results)

    def state(self, seed: int = 0) -> "Substitute":
        return Substitute(self)


class Substitute(State):
    """The state of a Fallback: none."""

    __slots__ = ()
    ROLE = SUBSTITUTE
    options: Fallback

    def applies(self, failure: Failure) -> bool:
        matcher = self.options.on_matches
        if matcher is None:
            return failure.kind != "cancelled"
        matched: bool = matcher.matches(failure)
        return matched

    def applies_to_value(self, value: "Any") -> bool:
        match = self.options.results_match
        return match is not None and match(value)
