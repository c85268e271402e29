"""redress."""

from __future__ import annotations

from typing import Any

import redress

from benchmarks.peers import LONG, NEVER_OPENS

TITLE = "redress"
PACKAGES = ("redress",)
IMPORTS = ("redress",)
PARTS = {"four": "retry, breaker", "five": "retry with attempt timeout, breaker", "failing": "retry, breaker"}


def _classify(error: BaseException) -> Any:
    return redress.ErrorClass.TRANSIENT


def _at_once(context: Any) -> float:
    return 0.0


def _retry(kind: Any, **options: Any) -> Any:
    return kind(classifier=_classify, strategy=_at_once, max_attempts=3, **options)


def _through(policy: Any, function: Any) -> Any:
    #  a policy calls functions without arguments
    return lambda key: policy.call(lambda: function(key))


def four(function: Any) -> Any:
    return _through(redress.Policy(retry=_retry(redress.Retry), circuit_breaker=redress.CircuitBreaker()), function)


def breaker(function: Any) -> Any:
    return _through(redress.Policy(circuit_breaker=redress.CircuitBreaker()), function)


def five(function: Any) -> Any:
    retry = _retry(redress.AsyncRetry, attempt_timeout_s=1.0)
    return _through(redress.AsyncPolicy(retry=retry, circuit_breaker=redress.CircuitBreaker()), function)


def refusing(function: Any) -> Any:
    breaker = redress.CircuitBreaker(recovery_timeout_s=LONG, trip_on=set(redress.ErrorClass))
    return _through(redress.Policy(circuit_breaker=breaker), function)


def retry(function: Any) -> Any:
    return _through(redress.Policy(retry=_retry(redress.Retry)), function)


def failing(function: Any) -> Any:
    breaker = redress.CircuitBreaker(failure_threshold=NEVER_OPENS)
    return _through(redress.Policy(retry=_retry(redress.Retry), circuit_breaker=breaker), function)


def state(number: int) -> Any:
    return redress.CircuitBreaker()
