"""The strategies as Python sees them: `on=` takes exceptions and predicates, and one strategy is a decorator."""

from __future__ import annotations

from backstay.classification import check_failures, classify, is_exception_class
from backstay_core.failure import ConfigurationError
from backstay_core.options import CHECKS, Field
from backstay_core.strategies import (
    budget,
    bulkhead,
    cache,
    circuit_breaker,
    concurrency_limit,
    fallback,
    hedge,
    idempotency,
    inject,
    rate_limit,
    retry,
    throttle,
    timeout,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ParamSpec, TypeVar

    from backstay_core.failure import Failure

    P = ParamSpec("P")
    R = TypeVar("R")

__all__ = [
    "Budget",
    "Bulkhead",
    "Cache",
    "CircuitBreaker",
    "ConcurrencyLimit",
    "Fallback",
    "Hedge",
    "Idempotency",
    "Inject",
    "RateLimit",
    "Retry",
    "Throttle",
    "Timeout",
]

Budget = budget.Budget


def check_fault(where: str, field: Field, value: Any) -> dict[str, Any]:
    """The failure of an `Inject` as Python writes it: a kind by name, an exception class, or a function that makes or
    raises an exception."""
    if isinstance(value, str):
        return CHECKS["fault"](where, field, value)
    if (isinstance(value, type) and not is_exception_class(value)) or not callable(value):
        raise ConfigurationError(
            f"{where} must be a kind of failure, an exception class or a function that makes one; got {value!r}"
        )

    def make() -> Failure:
        try:
            error = value()
        except Exception as raised:
            error = raised
        if not isinstance(error, BaseException):
            error = ConfigurationError(f"{where}: {value!r} made {error!r}, which is no exception")
        return classify(error)

    return {field.name: value, field.name + "_make": make}


class Decorator:
    """Makes a strategy a decorator: a policy of that one strategy, named after the function."""

    CHECKS = dict(CHECKS, failures=check_failures, fault=check_fault)  # noqa: RUF012 - a constant table

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        from backstay.policy import Policy

        name: object = getattr(function, "__qualname__", None)
        return Policy(name if isinstance(name, str) else type(function).__name__, self)(function)  # type: ignore[arg-type]


class CircuitBreaker(Decorator, circuit_breaker.CircuitBreaker):
    __doc__ = circuit_breaker.CircuitBreaker.__doc__


class Retry(Decorator, retry.Retry):
    __doc__ = retry.Retry.__doc__


class Timeout(Decorator, timeout.Timeout):
    __doc__ = timeout.Timeout.__doc__


class Bulkhead(Decorator, bulkhead.Bulkhead):
    __doc__ = bulkhead.Bulkhead.__doc__


class ConcurrencyLimit(Decorator, concurrency_limit.ConcurrencyLimit):
    __doc__ = concurrency_limit.ConcurrencyLimit.__doc__


class Throttle(Decorator, throttle.Throttle):
    __doc__ = throttle.Throttle.__doc__


class RateLimit(Decorator, rate_limit.RateLimit):
    __doc__ = rate_limit.RateLimit.__doc__


class Fallback(Decorator, fallback.Fallback):
    __doc__ = fallback.Fallback.__doc__


class Hedge(Decorator, hedge.Hedge):
    __doc__ = hedge.Hedge.__doc__


class Cache(Decorator, cache.Cache):
    __doc__ = cache.Cache.__doc__


class Idempotency(Decorator, idempotency.Idempotency):
    __doc__ = idempotency.Idempotency.__doc__


class Inject(Decorator, inject.Inject):
    __doc__ = inject.Inject.__doc__


ALL = (
    *(Bulkhead, Cache, CircuitBreaker, ConcurrencyLimit, Fallback, Hedge, Idempotency, Inject),
    *(RateLimit, Retry, Throttle, Timeout),
)
