"""The strategies as Python sees them: `on=` takes exceptions and predicates, and one strategy is a decorator."""

from __future__ import annotations

from backstay.classification import check_failures
from backstay_core.options import CHECKS
from backstay_core.strategies import budget, bulkhead, circuit_breaker, fallback, retry, timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

__all__ = ["Budget", "Bulkhead", "CircuitBreaker", "Fallback", "Retry", "Timeout"]

Budget = budget.Budget


class Decorator:
    """Makes a strategy a decorator: a policy of that one strategy, named after the function."""

    CHECKS = dict(CHECKS, failures=check_failures)  # noqa: RUF012 - a constant table

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        from backstay.policy import Policy

        return Policy(getattr(function, "__qualname__", type(function).__name__), self)(function)  # type: ignore[arg-type]


class CircuitBreaker(Decorator, circuit_breaker.CircuitBreaker):
    __doc__ = circuit_breaker.CircuitBreaker.__doc__


class Retry(Decorator, retry.Retry):
    __doc__ = retry.Retry.__doc__


class Timeout(Decorator, timeout.Timeout):
    __doc__ = timeout.Timeout.__doc__


class Bulkhead(Decorator, bulkhead.Bulkhead):
    __doc__ = bulkhead.Bulkhead.__doc__


class Fallback(Decorator, fallback.Fallback):
    __doc__ = fallback.Fallback.__doc__


ALL = (Bulkhead, CircuitBreaker, Fallback, Retry, Timeout)
